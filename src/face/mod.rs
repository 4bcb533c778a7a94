//! Faces: the protocols of clients, a folder each, one operation a file: it parses, calls the keyspace once, and encodes.
//!
//! Faces do not know each other. They share the server of connections (`server`), HTTP over it (`http`), the rules of Go's
//! standard library (`go`), and lists that are cached encoded (`list_cache`) and compressed (`gzip`), once for
//! all who ask (`shared_work`).

mod audit;
mod authentication;
mod caller;
pub mod consul;
pub mod etcd;
mod go;
mod gzip;
mod heavy_future;
mod held_body;
pub mod http;
mod list_cache;
pub mod server;
mod shared_work;
pub mod zookeeper;

#[cfg(fuzzing)]
pub(crate) use authentication::fuzz::authorization;
