//! The client of the Kubernetes API.

pub(crate) mod api;
pub(crate) mod credentials;
pub(crate) mod error;
pub(crate) mod lines;
mod refusal_log;
