//! HTTP/1.1 connections that cost the client little: requests are bytes, and of a response only what is asked for is read.
//!
//! A general client spends as much processor time on a request as a fast server does, and both share the machine in a
//! comparison. Heads are parsed by `httparse`.

mod body;
mod connection;
mod head;
mod request;
mod response;

pub use connection::HttpConnection;
pub use request::HttpRequest;
pub use response::HttpResponse;
