//! Answer to a commit that failed.

use http::StatusCode;

use super::reply::Reply;
use crate::space::{CommitError, Denied};
use crate::store;

/// The answer to a failed commit. `refused` gives the answer where the operation itself refused, from its reason and
/// the revision at which it decided.
pub(super) fn reply<E>(error: CommitError<E>, refused: impl FnOnce(E, u64) -> Reply) -> Reply {
    match error {
        CommitError::Refused { error, revision } => refused(error, revision),
        CommitError::Denied(denied) => {
            let status = match &denied {
                Denied::KeyTooLong { .. } => StatusCode::BAD_REQUEST,
                Denied::ValueTooLong { .. } | Denied::TooMuch(_) => StatusCode::PAYLOAD_TOO_LARGE,
                Denied::Forbidden(_) => StatusCode::FORBIDDEN,
            };
            Reply::text(status, denied.to_string())
        }
        CommitError::Failed(store::CommitError::TooLarge(reason)) => {
            Reply::text(StatusCode::PAYLOAD_TOO_LARGE, reason)
        }
        CommitError::Failed(error) => Reply::internal_error(match &error {
            // Consul's words while it has no leader: nothing was written.
            store::CommitError::Conflict | store::CommitError::Unavailable(_) => {
                format!("No cluster leader: {error}")
            }
            // Consul's words where a leader is lost during the commit: the outcome is unknown.
            store::CommitError::Unknown(_) => {
                format!("leadership lost while committing log: {error}")
            }
            store::CommitError::Full(_) | store::CommitError::TooLarge(_) => error.to_string(),
        }),
    }
}
