//! Failures of requests to etcd: refused in its own words, or lost with the connection.

use std::error::Error as _;

use etcd_client::Error;

use crate::bench::client::{Failure, io_text};

/// The failure of an error.
pub(super) fn failure(error: &Error) -> Failure {
    if let Error::GRpcStatus(status) = error
        // Whatever the transport says has a source; an answer of the server has none.
        && status.source().is_none()
    {
        return Failure::refused("", status.message().as_bytes());
    }
    Failure::Connection(root_cause(error))
}

/// The innermost cause of an error, which names what happened and not where: failures are counted by their text.
pub(super) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<std::io::Error>() {
        Some(io) => io_text(io),
        None => cause.to_string(),
    }
}
