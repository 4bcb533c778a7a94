//! Answer to a commit that failed.

use super::error::{ErrorCode, V2Error};
use super::reply::Reply;
use crate::space::{CommitError, Denied};
use crate::store;

/// The answer to a failed commit; `revision` is that of the keyspace.
pub(super) fn reply(error: CommitError<V2Error>, revision: u64) -> Reply {
    match error {
        CommitError::Refused { error, revision } => error.reply(revision),
        CommitError::Denied(Denied::Forbidden(_)) => forbidden(),
        CommitError::Denied(denied) => {
            V2Error::new(ErrorCode::InvalidField, denied.to_string()).reply(revision)
        }
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

/// etcd's answer where the caller has no right to a key, whether there is such a key or not.
pub(super) fn forbidden() -> Reply {
    V2Error::new(ErrorCode::Unauthorized, "Insufficient credentials").reply(0)
}
