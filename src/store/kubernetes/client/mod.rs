//! The client of the Kubernetes API.

pub(crate) mod api;
pub(crate) mod credentials;
pub(crate) mod error;
mod exchange;
pub(crate) mod lines;
pub(crate) mod list_page;
pub(crate) mod list_stream;
pub(crate) mod log_error;
pub(crate) mod policy_api;
mod refusal_log;
pub(crate) mod token_review_api;
