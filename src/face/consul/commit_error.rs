//! Answer to a commit that failed.

use http::{StatusCode, header};

use super::reply::Reply;
use crate::space::{ChangeError, Denied, NotAuthenticated};
use crate::store;

/// Consul's words where the caller has no right to a key, whether there is such a key or not.
pub(super) const PERMISSION_DENIED: &str = "Permission denied";

/// The answer where the caller has no right to a key.
pub(super) fn forbidden() -> Reply {
    Reply::text(StatusCode::FORBIDDEN, PERMISSION_DENIED)
}

/// The answer to a request whose token or password is not known: Consul's to a token.
pub(super) fn not_authenticated(why: NotAuthenticated) -> Reply {
    match why {
        NotAuthenticated::Unknown => Reply::text(StatusCode::FORBIDDEN, "ACL not found"),
        NotAuthenticated::TooMany => later(StatusCode::TOO_MANY_REQUESTS, why),
        NotAuthenticated::Unavailable => later(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn later(status: StatusCode, why: NotAuthenticated) -> Reply {
    Reply::text(status, why.to_string()).header(header::RETRY_AFTER, 1.into())
}

/// The answer to a change that the guard refused.
pub(super) fn denied(denied: &Denied) -> Reply {
    let status = match denied {
        Denied::KeyTooLong { .. } => StatusCode::BAD_REQUEST,
        // Not an error of the server, which clients would try again.
        Denied::ValueTooLong { .. } | Denied::TooMuch(_) | Denied::OverQuota(_) => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        // As where the store has no space left.
        Denied::KeyspaceFull { .. } | Denied::Unaudited => {
            return Reply::internal_error(denied.to_string());
        }
        Denied::Forbidden(_) | Denied::ByList(_) => return forbidden(),
        // libkv gives up at any status but 200, and shows it.
        Denied::Guarded(why) => {
            let text = format!("{PERMISSION_DENIED}: {why}");
            return Reply::text(StatusCode::FORBIDDEN, text);
        }
    };
    Reply::text(status, denied.to_string())
}

/// The answer to a failed commit. `refused` gives the answer where the operation itself refused, from its reason and
/// the revision at which it decided.
pub(super) fn reply<E>(error: ChangeError<E>, refused: impl FnOnce(E, u64) -> Reply) -> Reply {
    match error {
        ChangeError::Refused { error, revision } => refused(error, revision),
        ChangeError::Denied(error) => denied(&error),
        ChangeError::Failed(store::CommitError::TooLarge(reason)) => {
            Reply::text(StatusCode::PAYLOAD_TOO_LARGE, reason)
        }
        ChangeError::Failed(error) => Reply::internal_error(match &error {
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
