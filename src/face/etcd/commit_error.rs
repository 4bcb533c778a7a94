//! Answer to a commit that failed.

use std::net::{IpAddr, Ipv4Addr};

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::error::{V2Error, V2ErrorCode};
use super::reply::Reply;
use crate::face::server::{LogLimit, OmittedLines};
use crate::space::{ChangeError, Denied, NotAuthenticated};
use crate::store;

/// The answer to a failed commit; `revision` is that of the keyspace.
pub(super) fn reply(error: ChangeError<V2Error>, revision: u64) -> Reply {
    match error {
        ChangeError::Refused { error, revision } => error.reply(revision),
        ChangeError::Denied(Denied::Forbidden(_) | Denied::ByList(_)) => forbidden(),
        // No code that libkv takes for a conflict: it would try again without end.
        ChangeError::Denied(Denied::Guarded(why)) => {
            V2Error::new(V2ErrorCode::Unauthorized, why).reply(0)
        }
        // As where the store has no space left; the guard has logged it.
        ChangeError::Denied(full @ (Denied::KeyspaceFull { .. } | Denied::Unaudited)) => {
            let cause = format!("etcdserver: {full}");
            V2Error::new(V2ErrorCode::RaftInternal, cause).reply(0)
        }
        ChangeError::Denied(denied) => {
            V2Error::new(V2ErrorCode::InvalidField, denied.to_string()).reply(revision)
        }
        ChangeError::Failed(store::CommitError::TooLarge(reason)) => {
            V2Error::new(V2ErrorCode::InvalidField, reason).reply(revision)
        }
        ChangeError::Failed(failed) => {
            static LIMIT: LogLimit = LogLimit::new();
            // Whose write it was is not known here: all clients share the limit.
            let all = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            if let Some(OmittedLines(left_out)) = LIMIT.permit(all) {
                tracing::warn!(error = %failed, left_out, "could not write for an etcd client; the client gets error 300 and may retry");
            }
            let cause = format!("etcdserver: {failed}");
            V2Error::new(V2ErrorCode::RaftInternal, cause).reply(0)
        }
    }
}

/// etcd's error that clients try again after.
fn later(status: StatusCode, what: &str, why: NotAuthenticated) -> Reply {
    V2Error::new(
        V2ErrorCode::RaftInternal,
        format!("etcdserver: {what}: {why}"),
    )
    .reply(0)
    .with_status(status)
    .header(RETRY_AFTER, HeaderValue::from(1))
}

/// etcd's answer to a request whose user or password is not known.
pub(super) fn not_authenticated(why: NotAuthenticated) -> Reply {
    match why {
        NotAuthenticated::Unknown => forbidden(),
        NotAuthenticated::TooMany => later(StatusCode::TOO_MANY_REQUESTS, "too many requests", why),
        NotAuthenticated::Unavailable => later(StatusCode::SERVICE_UNAVAILABLE, "unavailable", why),
    }
}

/// etcd's answer where the caller has no right to a key, whether there is such a key or not.
pub(super) fn forbidden() -> Reply {
    V2Error::new(V2ErrorCode::Unauthorized, "Insufficient credentials").reply(0)
}
