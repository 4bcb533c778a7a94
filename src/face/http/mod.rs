//! HTTP/1 as Go's server speaks it, for every face over HTTP: requests are read, bounded, logged, counted and answered.
//!
//! A face is an [`axum::Router`] in an [`HttpProtocol`], which a [`Server`](crate::face::server::Server) serves. With each
//! request the router gets a [`Connection`](crate::face::server::Connection) and a [`RequestTarget`] as extensions.

mod answer;
mod body;
mod body_budget;
mod broken;
mod buffers;
mod connection;
mod framing;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod head;
mod hosts;
mod http2;
mod limits;
mod long_heads;
mod no_fault;
mod protocol;
mod redact;
mod refusal;
mod send;
mod service;
mod shared_state;
mod target;
mod version;
mod web_pages;

#[cfg(fuzzing)]
pub(crate) use fuzz::http_requests;
pub use hosts::AllowedHosts;
pub use limits::HttpLimits;
pub use no_fault::NoFault;
pub(in crate::face) use no_fault::last_answer;
pub use protocol::HttpProtocol;
pub use shared_state::OverloadAnswer;
pub use target::RequestTarget;
