//! Constant-answer servers: what a client reaches against a server that has nothing to do.

mod http;

pub use http::serve as serve_http;
