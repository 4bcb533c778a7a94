//! The load generator, `kubekv bench`: a client of any server that speaks Consul's HTTP API, etcd's version 2 or 3 or
//! ZooKeeper's protocol.
//!
//! [`target`] says where the load goes, [`client`] performs one operation over one connection ([`http`] carries those of
//! Consul and etcd v2). It knows nothing of kubekv's own servers: all servers are measured alike.

pub mod client;
pub mod constant;
pub mod docker;
pub mod etcd3;
pub mod field;
pub mod http;
pub mod idle;
pub mod keys;
pub mod measure;
pub mod operation;
pub mod pace;
pub mod page;
pub mod report;
pub mod run;
mod stream;
pub mod suite;
pub mod target;
pub mod value;
pub mod watch;
pub mod zookeeper;

pub use stream::TargetStream;
