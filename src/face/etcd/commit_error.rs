//! Answer to a commit that failed.

use super::error::{ErrorCode, V2Error};
use super::reply::Reply;
use crate::space::{CommitError, Denied};
use crate::store;

/// The answer to a failed commit; `revision` is that of the keyspace.
pub(super) fn reply(error: CommitError<V2Error>, revision: u64) -> Reply {
    match error {
        CommitError::Refused { error, revision } => error.reply(revision),
        CommitError::Denied(denied) => denied_error(&denied).reply(revision),
        CommitError::Failed(store::CommitError::TooLarge(reason)) => {
            V2Error::new(ErrorCode::InvalidField, reason).reply(revision)
        }
        CommitError::Failed(failed) => {
            tracing::warn!(error = %failed, "could not write for an etcd client; the client gets error 300 and may retry");
            let cause = format!("etcdserver: {failed}");
            V2Error::new(ErrorCode::RaftInternal, cause).reply(0)
        }
    }
}

fn denied_error(denied: &Denied) -> V2Error {
    let code = match denied {
        Denied::Forbidden(_) => ErrorCode::Unauthorized,
        Denied::KeyTooLong { .. } | Denied::ValueTooLong { .. } | Denied::TooMuch(_) => {
            ErrorCode::InvalidField
        }
    };
    V2Error::new(code, denied.to_string())
}
