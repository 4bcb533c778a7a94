//! How a request ended.

use std::fmt;

/// An error that a reply says, by ZooKeeper's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Something went wrong in the server.
    SystemError,
    /// Two changes clash.
    RuntimeInconsistency,
    /// Data is not as it should be.
    DataInconsistency,
    /// The connection broke.
    ConnectionLoss,
    /// The server cannot read a request, or write an answer.
    MarshallingError,
    /// The server does not know this kind of request.
    Unimplemented,
    /// It took too long.
    OperationTimeout,
    /// The path, or something else, is none.
    BadArguments,
    /// It is not decided who leads.
    NewConfigNoQuorum,
    /// The servers are being changed.
    ReconfigInProgress,
    /// The session is not known.
    UnknownSession,
    /// Something went wrong with the request.
    ApiError,
    /// There is no such node.
    NoNode,
    /// The client may not.
    NoAuth,
    /// The node has another version.
    BadVersion,
    /// An ephemeral node has no children.
    NoChildrenForEphemerals,
    /// There is such a node.
    NodeExists,
    /// The node has children.
    NotEmpty,
    /// The session is over.
    SessionExpired,
    /// A callback is none.
    InvalidCallback,
    /// The access list is none.
    InvalidAcl,
    /// The client is not who it says.
    AuthFailed,
    /// The session is on another connection.
    SessionMoved,
    /// The server only reads.
    NotReadOnly,
    /// A session of the server's own.
    EphemeralOnLocalSession,
    /// There is no such watch.
    NoWatcher,
    /// The request took too long.
    RequestTimeout,
    /// The servers cannot be changed.
    ReconfigDisabled,
    /// The client must say who it is.
    SessionClosedRequireAuth,
    /// A quota is used up.
    QuotaExceeded,
    /// The server takes no more for now.
    Throttled,
    /// One that is not known here.
    Other(i32),
}

const NAMES: [(i32, Code, &str); 31] = [
    (-1, Code::SystemError, "SYSTEMERROR"),
    (-2, Code::RuntimeInconsistency, "RUNTIMEINCONSISTENCY"),
    (-3, Code::DataInconsistency, "DATAINCONSISTENCY"),
    (-4, Code::ConnectionLoss, "CONNECTIONLOSS"),
    (-5, Code::MarshallingError, "MARSHALLINGERROR"),
    (-6, Code::Unimplemented, "UNIMPLEMENTED"),
    (-7, Code::OperationTimeout, "OPERATIONTIMEOUT"),
    (-8, Code::BadArguments, "BADARGUMENTS"),
    (-12, Code::UnknownSession, "UNKNOWNSESSION"),
    (-13, Code::NewConfigNoQuorum, "NEWCONFIGNOQUORUM"),
    (-14, Code::ReconfigInProgress, "RECONFIGINPROGRESS"),
    (-100, Code::ApiError, "APIERROR"),
    (-101, Code::NoNode, "NONODE"),
    (-102, Code::NoAuth, "NOAUTH"),
    (-103, Code::BadVersion, "BADVERSION"),
    (
        -108,
        Code::NoChildrenForEphemerals,
        "NOCHILDRENFOREPHEMERALS",
    ),
    (-110, Code::NodeExists, "NODEEXISTS"),
    (-111, Code::NotEmpty, "NOTEMPTY"),
    (-112, Code::SessionExpired, "SESSIONEXPIRED"),
    (-113, Code::InvalidCallback, "INVALIDCALLBACK"),
    (-114, Code::InvalidAcl, "INVALIDACL"),
    (-115, Code::AuthFailed, "AUTHFAILED"),
    (-118, Code::SessionMoved, "SESSIONMOVED"),
    (-119, Code::NotReadOnly, "NOTREADONLY"),
    (
        -120,
        Code::EphemeralOnLocalSession,
        "EPHEMERALONLOCALSESSION",
    ),
    (-121, Code::NoWatcher, "NOWATCHER"),
    (-122, Code::RequestTimeout, "REQUESTTIMEOUT"),
    (-123, Code::ReconfigDisabled, "RECONFIGDISABLED"),
    (
        -124,
        Code::SessionClosedRequireAuth,
        "SESSIONCLOSEDREQUIRESASLAUTH",
    ),
    (-125, Code::QuotaExceeded, "QUOTAEXCEEDED"),
    (-127, Code::Throttled, "THROTTLEDOP"),
];

impl Code {
    /// The error with a number; `None` for 0, which says that there is none.
    pub fn of(number: i32) -> Option<Self> {
        if number == 0 {
            return None;
        }
        let known = NAMES.iter().find(|(known, ..)| *known == number);
        Some(known.map_or(Self::Other(number), |(_, code, _)| *code))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, NAMES.iter().find(|(_, code, _)| code == self)) {
            (_, Some((number, _, name))) => write!(f, "{name} ({number})"),
            (Self::Other(number), None) => write!(f, "error {number}"),
            (_, None) => f.write_str("an error"),
        }
    }
}
