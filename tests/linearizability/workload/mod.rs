//! Clients: the operations they send, and the expiry of keys and sessions they watch for.

pub mod client;
pub mod connection;
pub mod consul;
pub mod etcd;
pub mod invocation;
pub mod sessions;
pub mod ttl_keys;
