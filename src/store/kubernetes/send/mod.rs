//! Writes sent to the API server, each as one request.

pub(crate) mod announce;
pub(crate) mod leader_record;
pub(crate) mod outcome;
pub(crate) mod proposal;
pub(crate) mod write_request;
