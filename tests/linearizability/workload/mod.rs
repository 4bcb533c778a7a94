//! Workload: clients that invoke random operations, and tasks that keep keys with a TTL and sessions alive.

pub mod client;
pub mod connection;
pub mod consul;
pub mod context;
pub mod etcd;
pub mod exchange;
pub mod expiry;
pub mod invocation;
pub mod sessions;
pub mod ttl_keys;
