//! Writes to the API server.

pub(crate) mod requests;
