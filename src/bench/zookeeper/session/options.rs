//! `SessionOptions`: the choices of a client that opens a session.

use std::time::Duration;

use crate::wire::zookeeper::Secret;

/// The choices of a client that opens a session.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The session timeout to ask for.
    pub timeout: Duration,
    /// Whether a read-only server will do; `None` leaves the field out, as clients written in Go do.
    pub read_only: Option<bool>,
    /// The scheme and the credentials of an identity: `digest` and `NAME:PASSWORD`.
    pub identity: Option<(String, Secret)>,
    /// The session to resume instead of a new one.
    pub resume: Option<SessionIdentity>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            read_only: Some(false),
            identity: None,
            resume: None,
        }
    }
}

/// Whatever another connection needs to resume a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionIdentity {
    /// The session's id.
    pub id: i64,
    /// The session's password.
    pub password: Secret,
    /// The last change that the client has seen.
    pub last_zxid: i64,
}
