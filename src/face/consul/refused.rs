//! What is not here, refused by name; and how a change that was not made is told.

use http::{HeaderValue, StatusCode, header};

use super::reply::Reply;
use crate::space::{CommitError, Denied};
use crate::store;

/// Where the limits of values are explained.
const SEE: &str = "https://www.consul.io/docs/agent/options.html";

/// Access control is off: Consul's own answer.
pub(super) fn acl() -> Reply {
    Reply::text(StatusCode::UNAUTHORIZED, "ACL support disabled")
}

/// An endpoint that Consul has and kubekv has not.
pub(super) fn endpoint(pattern: &str) -> Reply {
    let words = format!("{pattern} is not implemented by kubekv");
    Reply::text(StatusCode::NOT_IMPLEMENTED, words)
}

/// A path with `.` or `..` under a method that is not redirected.
pub(super) fn dots() -> Reply {
    Reply::bad_request(
        "a path with \".\" or \"..\" in it is never acted on by kubekv; send the path that is meant",
    )
}

/// Nothing is here, in the words of Go's multiplexer.
pub(super) fn no_page() -> Reply {
    let nosniff = HeaderValue::from_static("nosniff");
    Reply::text(StatusCode::NOT_FOUND, "404 page not found\n")
        .header(header::X_CONTENT_TYPE_OPTIONS, nosniff)
}

/// A body that is too long, in Consul's words.
pub(super) fn too_long(said: Option<u64>, limit: usize, option: &str) -> Reply {
    let size = said
        .map(|said| format!("({said} bytes)"))
        .unwrap_or_default();
    let words =
        format!("Request body{size} too large, max size: {limit} bytes. See {SEE}#{option}.");
    Reply::text(StatusCode::PAYLOAD_TOO_LARGE, words)
}

/// Consul's words for what the caller has no right to, be it there or not.
pub(super) const PERMISSION_DENIED: &str = "Permission denied";

/// What the caller has no right to.
pub(super) fn forbidden() -> Reply {
    Reply::text(StatusCode::FORBIDDEN, PERMISSION_DENIED)
}

/// What the guard did not let through.
pub(super) fn denied(denied: &Denied) -> Reply {
    let status = match denied {
        Denied::KeyTooLong { .. } => StatusCode::BAD_REQUEST,
        Denied::ValueTooLong { .. } | Denied::TooMuch(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Denied::Forbidden(_) => return forbidden(),
    };
    Reply::text(status, denied.to_string())
}

/// A change that was not made, other than by its own decision.
pub(super) fn commit<E>(error: CommitError<E>, refused: impl FnOnce(E, u64) -> Reply) -> Reply {
    match error {
        CommitError::Refused { error, revision } => refused(error, revision),
        CommitError::Denied(error) => denied(&error),
        CommitError::Failed(store::CommitError::TooLarge(why)) => {
            Reply::text(StatusCode::PAYLOAD_TOO_LARGE, why)
        }
        CommitError::Failed(error) => Reply::failed(match &error {
            // What Consul says while it has no leader: nothing was written.
            store::CommitError::Conflict | store::CommitError::Unavailable(_) => {
                format!("No cluster leader: {error}")
            }
            // What Consul says when a leader is lost in the middle: it may have been written.
            store::CommitError::Unknown(_) => {
                format!("leadership lost while committing log: {error}")
            }
            store::CommitError::Full(_) | store::CommitError::TooLarge(_) => error.to_string(),
        }),
    }
}
