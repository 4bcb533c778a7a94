//! The protocols, one folder each: one operation a file, which parses, makes one call of the keyspace, and encodes.
//!
//! Faces do not know each other. What they share is how HTTP is served (`http`), how Go writes JSON (`gojson`), and
//! lists that are kept encoded (`kept`, `gzip`).

pub mod consul;
pub mod etcd;
pub mod gojson;
mod gzip;
pub mod http;
mod kept;
