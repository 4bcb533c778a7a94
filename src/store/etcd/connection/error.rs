//! What etcd says when it does not do something, and what that means.

use etcd_client::Error;
use tonic::Code;

use crate::store::shared::log::{LogError, SendError};
use crate::store::shared::metrics::Reason;

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// It did not leave, or the member turned it away for having no leader: another may take it.
    #[error("{0}")]
    NotSent(String),
    /// The token is not known there, or not any more.
    #[error("{0}")]
    Token(String),
    /// The revision asked for is forgotten.
    #[error("the revision is compacted")]
    Compacted,
    /// The revision asked for is not there yet.
    #[error("the revision is not there yet")]
    Future,
    /// A key that was to keep its value is gone, and it did nothing.
    #[error("a key is gone")]
    NoKey,
    /// It is more than etcd takes at once, and it did nothing.
    #[error("{0}")]
    TooLarge(String),
    /// etcd's quota is used up, and it did nothing.
    #[error("{0}")]
    NoSpace(String),
    /// etcd did nothing, and may do so later.
    #[error("{0}")]
    TurnedAway(String),
    /// The user may not do that.
    #[error("{0}")]
    Forbidden(String),
    /// Nobody knows.
    #[error("{0}")]
    Unknown(String),
}

impl Failure {
    /// Whether another connection may do better.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::Unknown(_))
    }

    /// Why it was refused; `None` where that is no refusal, but says how things are.
    pub(crate) fn reason(&self) -> Option<Reason> {
        Some(match self {
            Self::NoSpace(_) => Reason::Quota,
            Self::TooLarge(_) => Reason::TooLarge,
            Self::Forbidden(_) => Reason::Forbidden,
            Self::Token(_) => Reason::Unauthorized,
            Self::TurnedAway(_) => Reason::Other,
            Self::NotSent(_) | Self::Compacted | Self::Future | Self::NoKey | Self::Unknown(_) => {
                return None;
            }
        })
    }

    pub(crate) fn of(error: &Error) -> Self {
        if let Error::GRpcStatus(status) = error {
            of_status(status)
        } else {
            Self::Unknown(plain(error))
        }
    }
}

/// gRPC's code, where etcd itself has answered.
pub(crate) fn code(error: &Error) -> Option<u16> {
    let Error::GRpcStatus(status) = error else {
        return None;
    };
    let answered = std::error::Error::source(status).is_none();
    answered
        .then(|| u16::try_from(i32::from(status.code())).ok())
        .flatten()
}

fn of_status(status: &tonic::Status) -> Failure {
    let said = status.message();
    let text = format!("etcd says: {}", plain(status));
    match status.code() {
        Code::OutOfRange if said.contains("has been compacted") => Failure::Compacted,
        Code::OutOfRange if said.contains("is a future revision") => Failure::Future,
        Code::Unauthenticated => Failure::Token(text),
        Code::InvalidArgument if said.contains("revision of auth store is old") => {
            Failure::Token(text)
        }
        Code::InvalidArgument if said.contains("user name is empty") => Failure::Token(text),
        Code::InvalidArgument if said.contains("key not found") => Failure::NoKey,
        Code::InvalidArgument if said.contains("request is too large") => {
            Failure::TooLarge(format!("{text} (its --max-request-bytes)"))
        }
        Code::InvalidArgument if said.contains("too many operations") => {
            Failure::TooLarge(format!("{text} (its --max-txn-ops)"))
        }
        Code::ResourceExhausted if said.contains("database space exceeded") => {
            Failure::NoSpace(format!("no space left: {text} (its --quota-backend-bytes)"))
        }
        // More than it reads of one message: it looked at none of it.
        Code::ResourceExhausted if said.contains("larger than max") => {
            Failure::TooLarge(format!("{text} (its --max-request-bytes)"))
        }
        Code::ResourceExhausted if said.contains("too many requests") => Failure::TurnedAway(text),
        Code::InvalidArgument | Code::FailedPrecondition | Code::Unimplemented => {
            Failure::TurnedAway(text)
        }
        Code::PermissionDenied => Failure::Forbidden(text),
        Code::Unavailable if said == "etcdserver: no leader" => Failure::NotSent(text),
        // By the member itself, which has no leader to pass it on to, or moves its lead away.
        Code::Unknown if said == "raft proposal dropped" => Failure::NotSent(text),
        _ if was_refused(status) => Failure::NotSent(text),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::OutOfRange
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Failure::Unknown(text),
    }
}

/// A connection that was never made carried nothing.
fn was_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::ConnectionRefused
        {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// An error with its causes, in one line.
pub(crate) fn plain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text.replace('\n', " ")
}

impl From<Failure> for SendError {
    fn from(failure: Failure) -> Self {
        let text = failure.to_string();
        match failure {
            Failure::NoSpace(_) => Self::Refused(text),
            Failure::TooLarge(_) => Self::TooLarge(text),
            Failure::Unknown(_) => Self::Unknown(text),
            Failure::NotSent(_)
            | Failure::Token(_)
            | Failure::Compacted
            | Failure::Future
            | Failure::NoKey
            | Failure::TurnedAway(_)
            | Failure::Forbidden(_) => Self::Unavailable(text),
        }
    }
}

impl From<Failure> for LogError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Compacted | Failure::Future => Self::Gone,
            Failure::Token(text) | Failure::Forbidden(text) => Self::Misconfigured(text),
            Failure::NoKey => Self::Unavailable(failure.to_string()),
            Failure::NotSent(text)
            | Failure::TooLarge(text)
            | Failure::NoSpace(text)
            | Failure::TurnedAway(text)
            | Failure::Unknown(text) => Self::Unavailable(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_sure_is_said_not_to_have_happened() {
        let of = |code, said: &str| Failure::of(&Error::GRpcStatus(tonic::Status::new(code, said)));
        for said in [
            "etcdserver: request timed out",
            "etcdserver: leader changed",
            "etcdserver: server stopped",
            "transport error",
        ] {
            assert!(
                matches!(of(Code::Unavailable, said), Failure::Unknown(_)),
                "{said}"
            );
        }
        assert!(matches!(
            of(Code::Unavailable, "etcdserver: no leader"),
            Failure::NotSent(_)
        ));
        let large = of(Code::InvalidArgument, "etcdserver: request is too large");
        assert!(
            large.to_string().ends_with("(its --max-request-bytes)"),
            "{large}"
        );
    }
}
