//! Store interface of libkv, the library through which dockerd speaks to its cluster store: the same requests in the same
//! order, in each protocol.

mod connections;
mod consul;
mod consul_ttl;
mod consul_watch;
mod error;
mod etcd;
mod etcd_watch;
mod list;
mod pair;
mod store;
mod watch;
mod zookeeper;
mod zookeeper_session;
mod zookeeper_watch;

pub use connections::HttpConnections;
pub use consul_ttl::LockMonitor;
pub use error::KvError;
pub use list::KvList;
pub use pair::KvPair;
pub use store::KvStore;
pub use watch::{KeyWatch, TreeWatch};
