//! ZooKeeper's error codes.

use std::fmt;

/// The error of a reply, by ZooKeeper's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// Something went wrong in the server.
    SystemError,
    /// A runtime inconsistency was found.
    RuntimeInconsistency,
    /// Data is inconsistent.
    DataInconsistency,
    /// The connection was lost.
    ConnectionLoss,
    /// The server cannot decode a request or encode a reply.
    MarshallingError,
    /// The server does not implement this request.
    Unimplemented,
    /// The operation timed out.
    OperationTimeout,
    /// The path or another argument is invalid.
    BadArguments,
    /// There is no quorum for the new configuration.
    NewConfigNoQuorum,
    /// Another reconfiguration is in progress.
    ReconfigInProgress,
    /// The session is unknown.
    UnknownSession,
    /// An error of the API.
    ApiError,
    /// The node does not exist.
    NoNode,
    /// The client is not permitted to do this.
    NoAuth,
    /// The version does not match the node's.
    BadVersion,
    /// An ephemeral node has no children.
    NoChildrenForEphemerals,
    /// The node exists already.
    NodeExists,
    /// The node has children.
    NotEmpty,
    /// The session has expired.
    SessionExpired,
    /// A callback is invalid.
    InvalidCallback,
    /// The access list is invalid.
    InvalidAcl,
    /// Authentication failed.
    AuthFailed,
    /// The session has moved to another connection.
    SessionMoved,
    /// The server is read-only.
    NotReadOnly,
    /// A local session cannot create ephemeral nodes.
    EphemeralOnLocalSession,
    /// The watch does not exist.
    NoWatcher,
    /// The request timed out.
    RequestTimeout,
    /// Reconfiguration is disabled.
    ReconfigDisabled,
    /// The client must authenticate.
    SessionClosedRequireAuth,
    /// A quota is exceeded.
    QuotaExceeded,
    /// The server is throttling requests.
    Throttled,
    /// Any other number.
    Other(i32),
}

const NAMES: [(i32, ErrorCode, &str); 31] = [
    (-1, ErrorCode::SystemError, "SYSTEMERROR"),
    (-2, ErrorCode::RuntimeInconsistency, "RUNTIMEINCONSISTENCY"),
    (-3, ErrorCode::DataInconsistency, "DATAINCONSISTENCY"),
    (-4, ErrorCode::ConnectionLoss, "CONNECTIONLOSS"),
    (-5, ErrorCode::MarshallingError, "MARSHALLINGERROR"),
    (-6, ErrorCode::Unimplemented, "UNIMPLEMENTED"),
    (-7, ErrorCode::OperationTimeout, "OPERATIONTIMEOUT"),
    (-8, ErrorCode::BadArguments, "BADARGUMENTS"),
    (-12, ErrorCode::UnknownSession, "UNKNOWNSESSION"),
    (-13, ErrorCode::NewConfigNoQuorum, "NEWCONFIGNOQUORUM"),
    (-14, ErrorCode::ReconfigInProgress, "RECONFIGINPROGRESS"),
    (-100, ErrorCode::ApiError, "APIERROR"),
    (-101, ErrorCode::NoNode, "NONODE"),
    (-102, ErrorCode::NoAuth, "NOAUTH"),
    (-103, ErrorCode::BadVersion, "BADVERSION"),
    (
        -108,
        ErrorCode::NoChildrenForEphemerals,
        "NOCHILDRENFOREPHEMERALS",
    ),
    (-110, ErrorCode::NodeExists, "NODEEXISTS"),
    (-111, ErrorCode::NotEmpty, "NOTEMPTY"),
    (-112, ErrorCode::SessionExpired, "SESSIONEXPIRED"),
    (-113, ErrorCode::InvalidCallback, "INVALIDCALLBACK"),
    (-114, ErrorCode::InvalidAcl, "INVALIDACL"),
    (-115, ErrorCode::AuthFailed, "AUTHFAILED"),
    (-118, ErrorCode::SessionMoved, "SESSIONMOVED"),
    (-119, ErrorCode::NotReadOnly, "NOTREADONLY"),
    (
        -120,
        ErrorCode::EphemeralOnLocalSession,
        "EPHEMERALONLOCALSESSION",
    ),
    (-121, ErrorCode::NoWatcher, "NOWATCHER"),
    (-122, ErrorCode::RequestTimeout, "REQUESTTIMEOUT"),
    (-123, ErrorCode::ReconfigDisabled, "RECONFIGDISABLED"),
    (
        -124,
        ErrorCode::SessionClosedRequireAuth,
        "SESSIONCLOSEDREQUIRESASLAUTH",
    ),
    (-125, ErrorCode::QuotaExceeded, "QUOTAEXCEEDED"),
    (-127, ErrorCode::Throttled, "THROTTLEDOP"),
];

impl ErrorCode {
    /// The error with a number; `None` for 0, which means success.
    pub fn of(number: i32) -> Option<Self> {
        if number == 0 {
            return None;
        }
        let known = NAMES.iter().find(|(known, ..)| *known == number);
        Some(known.map_or(Self::Other(number), |(_, code, _)| *code))
    }
}

impl ErrorCode {
    /// The number of the error.
    pub fn number(self) -> i32 {
        let known = NAMES.iter().find(|(_, code, _)| *code == self);
        match (self, known) {
            (Self::Other(number), _) => number,
            (_, Some((number, ..))) => *number,
            (_, None) => -1,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, NAMES.iter().find(|(_, code, _)| code == self)) {
            (_, Some((number, _, name))) => write!(f, "{name} ({number})"),
            (Self::Other(number), None) => write!(f, "error {number}"),
            (_, None) => f.write_str("an error"),
        }
    }
}
