//! The watch stream of the API server.

pub(crate) mod stream;
