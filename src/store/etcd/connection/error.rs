//! Errors of requests to etcd: whether the request took effect, and what the store makes of it.

use etcd_client::Error;
use tonic::Code;

use crate::store::shared::error_text::one_line;
use crate::store::shared::log::{LogError, SendError};
use crate::store::shared::metrics::Reason;

/// Why a request did not succeed. Each variant says whether it may have taken effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EtcdError {
    /// It was not sent, or the member rejected it for having no leader: it did nothing, and another member may take it.
    #[error("{0}")]
    NotSent(String),
    /// The auth token is unknown or expired; it did nothing.
    #[error("{0}")]
    Unauthenticated(String),
    /// The revision asked for is compacted.
    #[error("the revision is compacted")]
    Compacted,
    /// The revision asked for is later than the member's last.
    #[error("the revision is later than etcd's last")]
    FutureRevision,
    /// A key that was to keep its value does not exist; it did nothing.
    #[error("a key that was to keep its value does not exist")]
    NoKey,
    /// It is more than etcd takes at once; it did nothing.
    #[error("{0}")]
    TooLarge(String),
    /// It has more operations than etcd takes at once; it did nothing.
    #[error("{0}")]
    TooManyOperations(String),
    /// etcd's quota is used up; it did nothing.
    #[error("{0}")]
    NoSpace(String),
    /// etcd rejected it; it did nothing, and may succeed later.
    #[error("{0}")]
    Rejected(String),
    /// The user lacks the permission; it did nothing.
    #[error("{0}")]
    PermissionDenied(String),
    /// Whether it took effect is unknown.
    #[error("{0}")]
    UnknownOutcome(String),
}

impl EtcdError {
    /// Whether the request may succeed on another connection.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::UnknownOutcome(_))
    }

    /// Whether etcd refused the request for what it asks: it did nothing, and a part of it may be taken.
    pub(crate) fn is_refusal(&self) -> bool {
        self.reason().is_some() || *self == Self::NoKey
    }

    /// The reason of a refusal, for the metrics; `None` where etcd refused nothing.
    pub(crate) fn reason(&self) -> Option<Reason> {
        Some(match self {
            Self::NoSpace(_) => Reason::Quota,
            Self::TooLarge(_) | Self::TooManyOperations(_) => Reason::TooLarge,
            Self::PermissionDenied(_) => Reason::Forbidden,
            Self::Unauthenticated(_) => Reason::Unauthorized,
            Self::Rejected(_) => Reason::Other,
            Self::NotSent(_)
            | Self::Compacted
            | Self::FutureRevision
            | Self::NoKey
            | Self::UnknownOutcome(_) => {
                return None;
            }
        })
    }

    pub(crate) fn of(error: &Error) -> Self {
        if let Error::GRpcStatus(status) = error {
            of_status(status)
        } else {
            Self::UnknownOutcome(one_line(error))
        }
    }
}

/// The gRPC code of etcd's answer; `None` where etcd did not answer.
pub(crate) fn grpc_code(error: &Error) -> Option<u16> {
    let Error::GRpcStatus(status) = error else {
        return None;
    };
    let answered = std::error::Error::source(status).is_none();
    answered
        .then(|| u16::try_from(i32::from(status.code())).ok())
        .flatten()
}

fn of_status(status: &tonic::Status) -> EtcdError {
    let said = status.message();
    let text = format!("etcd says: {}", one_line(status));
    match status.code() {
        Code::OutOfRange if said.contains("has been compacted") => EtcdError::Compacted,
        Code::OutOfRange if said.contains("is a future revision") => EtcdError::FutureRevision,
        Code::Unauthenticated => EtcdError::Unauthenticated(text),
        Code::InvalidArgument if said.contains("revision of auth store is old") => {
            EtcdError::Unauthenticated(text)
        }
        Code::InvalidArgument if said.contains("user name is empty") => {
            EtcdError::Unauthenticated(text)
        }
        Code::InvalidArgument if said.contains("key not found") => EtcdError::NoKey,
        Code::InvalidArgument if said.contains("request is too large") => {
            EtcdError::TooLarge(format!("{text} (its --max-request-bytes)"))
        }
        Code::InvalidArgument if said.contains("too many operations") => {
            EtcdError::TooManyOperations(format!("{text} (its --max-txn-ops)"))
        }
        Code::ResourceExhausted if said.contains("database space exceeded") => {
            EtcdError::NoSpace(format!("no space left: {text} (its --quota-backend-bytes)"))
        }
        // More than it reads of one message: it processed none of it.
        Code::ResourceExhausted if said.contains("larger than max") => {
            EtcdError::TooLarge(format!("{text} (its --max-request-bytes)"))
        }
        Code::ResourceExhausted if said.contains("too many requests") => EtcdError::Rejected(text),
        Code::InvalidArgument | Code::FailedPrecondition | Code::Unimplemented => {
            EtcdError::Rejected(text)
        }
        Code::PermissionDenied => EtcdError::PermissionDenied(text),
        Code::Unavailable if said == "etcdserver: no leader" => EtcdError::NotSent(text),
        // By the member itself, which has no leader to pass it on to, or is handing its own leadership over.
        Code::Unknown if said == "raft proposal dropped" => EtcdError::NotSent(text),
        _ if is_connection_refused(status) => EtcdError::NotSent(text),
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
        | Code::DataLoss => EtcdError::UnknownOutcome(text),
    }
}

/// Whether the connection was refused: a connection that was never made carried nothing.
fn is_connection_refused(error: &(dyn std::error::Error + 'static)) -> bool {
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

impl From<EtcdError> for SendError {
    fn from(error: EtcdError) -> Self {
        let text = error.to_string();
        match error {
            EtcdError::NoSpace(_) => Self::Refused(text),
            EtcdError::TooLarge(_) | EtcdError::TooManyOperations(_) => Self::TooLarge(text),
            EtcdError::UnknownOutcome(_) => Self::Unknown(text),
            EtcdError::NotSent(_)
            | EtcdError::Unauthenticated(_)
            | EtcdError::Compacted
            | EtcdError::FutureRevision
            | EtcdError::NoKey
            | EtcdError::Rejected(_)
            | EtcdError::PermissionDenied(_) => Self::Unavailable(text),
        }
    }
}

impl From<EtcdError> for LogError {
    fn from(error: EtcdError) -> Self {
        match error {
            EtcdError::Compacted | EtcdError::FutureRevision => Self::Gone,
            EtcdError::Unauthenticated(text) | EtcdError::PermissionDenied(text) => {
                Self::Misconfigured(text)
            }
            EtcdError::NoKey => Self::Unavailable(error.to_string()),
            EtcdError::NotSent(text)
            | EtcdError::TooLarge(text)
            | EtcdError::TooManyOperations(text)
            | EtcdError::NoSpace(text)
            | EtcdError::Rejected(text)
            | EtcdError::UnknownOutcome(text) => Self::Unavailable(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcome_is_unknown_unless_etcd_surely_did_nothing() {
        let of =
            |code, said: &str| EtcdError::of(&Error::GRpcStatus(tonic::Status::new(code, said)));
        for said in [
            "etcdserver: request timed out",
            "etcdserver: leader changed",
            "etcdserver: server stopped",
            "transport error",
        ] {
            assert!(
                matches!(of(Code::Unavailable, said), EtcdError::UnknownOutcome(_)),
                "{said}"
            );
        }
        assert!(matches!(
            of(Code::Unavailable, "etcdserver: no leader"),
            EtcdError::NotSent(_)
        ));
        let large = of(Code::InvalidArgument, "etcdserver: request is too large");
        assert!(
            large.to_string().ends_with("(its --max-request-bytes)"),
            "{large}"
        );
    }
}
