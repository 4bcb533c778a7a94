//! Failures of requests to etcd: refused in its own words, or lost with the connection.

use std::error::Error as _;

use etcd_client::Error;
use tonic::Code;

use crate::bench::client::{Failure, io_text};

/// The failure of an error.
pub(super) fn failure(error: &Error) -> Failure {
    if let Error::GRpcStatus(status) = error
        // Whatever the transport says has a source; an answer of the server has none.
        && status.source().is_none()
    {
        return refusal(status.code(), status.message());
    }
    Failure::Connection(root_cause(error))
}

/// The failure of an answer with a code. Of the codes that are not named, the same request gets the same answer.
fn refusal(code: Code, message: &str) -> Failure {
    let passes = matches!(
        code,
        Code::Unavailable
            | Code::ResourceExhausted
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Internal
            | Code::Unknown
    );
    if passes {
        Failure::unavailable("", message.as_bytes())
    } else {
        Failure::refused("", message.as_bytes())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_for_now_is_told_from_one_for_good() {
        let no_leader = refusal(Code::Unavailable, "etcdserver: no leader");
        assert!(no_leader.can_pass() && !no_leader.ends_connection());
        for code in [
            Code::PermissionDenied,
            Code::Unauthenticated,
            Code::InvalidArgument,
        ] {
            assert!(!refusal(code, "no").can_pass(), "{code:?}");
        }
    }
}
