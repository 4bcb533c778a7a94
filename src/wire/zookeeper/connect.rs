//! The handshake: the first frame of a client and of a server.

use std::fmt;

use super::{JuteReader, JuteRecord, JuteWriter, Malformed};

/// Bytes that are kept out of logs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The first frame of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectRequest {
    /// The protocol's version, 0.
    pub version: i32,
    /// The latest change the client has seen: a server that is behind it closes the connection.
    pub last_zxid: i64,
    /// The session timeout that the client asks for, in milliseconds.
    pub timeout_ms: i32,
    /// The session to resume, or 0 for a new one.
    pub session: i64,
    /// The session's password, of 16 bytes.
    pub password: Secret,
    /// Whether the client accepts a read-only server, which is partitioned from the others; `None` leaves the field out, as
    /// clients written in Go do.
    pub read_only: Option<bool>,
}

/// The first frame of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectResponse {
    /// The protocol's version, 0.
    pub version: i32,
    /// The session timeout, in milliseconds; 0 if the session has expired.
    pub timeout_ms: i32,
    /// The session, or 0 if it has expired.
    pub session: i64,
    /// The session's password.
    pub password: Secret,
    /// Whether the server is read-only, because it is partitioned from the others; `None` leaves the field out, as servers do
    /// where the request left it out.
    pub read_only: Option<bool>,
}

impl ConnectResponse {
    /// The bytes of a session's password.
    pub const PASSWORD_BYTES: usize = 16;

    /// The answer to a client whose session is over, unknown, or another's: no timeout, no session and an empty password.
    pub fn refusal(request: &ConnectRequest) -> Self {
        Self {
            version: 0,
            timeout_ms: 0,
            session: 0,
            password: Secret(vec![0; Self::PASSWORD_BYTES]),
            read_only: request.read_only.map(|_| false),
        }
    }
}

/// The last field, which may be missing: before ZooKeeper 3.4 there were no read-only servers.
fn read_only(from: &mut JuteReader<'_>) -> Result<Option<bool>, Malformed> {
    if from.rest().is_empty() {
        Ok(None)
    } else {
        from.bool().map(Some)
    }
}

impl JuteRecord for ConnectRequest {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            version: from.int()?,
            last_zxid: from.long()?,
            timeout_ms: from.int()?,
            session: from.long()?,
            password: Secret(from.buffer()?.to_vec()),
            read_only: read_only(from)?,
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.int(self.version);
        to.long(self.last_zxid);
        to.int(self.timeout_ms);
        to.long(self.session);
        to.buffer(&self.password.0);
        if let Some(read_only) = self.read_only {
            to.bool(read_only);
        }
    }
}

impl JuteRecord for ConnectResponse {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            version: from.int()?,
            timeout_ms: from.int()?,
            session: from.long()?,
            password: Secret(from.buffer()?.to_vec()),
            read_only: read_only(from)?,
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.int(self.version);
        to.int(self.timeout_ms);
        to.long(self.session);
        to.buffer(&self.password.0);
        if let Some(read_only) = self.read_only {
            to.bool(read_only);
        }
    }
}
