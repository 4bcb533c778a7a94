//! The protocols, one folder each: one operation a file, which parses, makes one call of the keyspace, and encodes.
//!
//! Faces do not know each other. What they share is how HTTP is served (`http`) and how Go writes JSON (`gojson`).

pub mod consul;
pub mod etcd;
pub mod gojson;
pub mod http;
