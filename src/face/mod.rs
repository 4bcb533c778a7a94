//! The protocols, one folder each: one operation a file, which parses, makes one call of the keyspace, and encodes.
//!
//! Faces do not know each other. What they share is the HTTP server (`http`), paths as Go reads them (`gopath`), JSON as Go
//! writes it (`gojson`), lists that are kept encoded (`kept`, `gzip`), and the last answer on a connection (`farewell`).

mod caller;
pub mod consul;
pub mod etcd;
mod farewell;
pub mod gojson;
mod gopath;
mod gzip;
pub mod http;
mod list_cache;
