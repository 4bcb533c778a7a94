//! Constant-answer servers: what a client reaches against a server that has nothing to do.

mod http;
mod zookeeper;

pub use http::serve as serve_http;
pub use zookeeper::{ZooKeeperAnswers, serve as serve_zookeeper};
