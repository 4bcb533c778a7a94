//! How a connection begins.

use std::fmt;

use super::{Malformed, Reader, Record, Writer};

/// Bytes that nobody else may see.
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
    /// How long a session is to live without a sign of the client, in milliseconds.
    pub timeout_ms: i32,
    /// The session to go on with, or 0 for a new one.
    pub session: i64,
    /// That session's password, of 16 bytes.
    pub password: Secret,
    /// Whether a server will do that is cut off from the others and only reads.
    pub read_only: bool,
}

/// The first frame of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectResponse {
    /// The protocol's version, 0.
    pub version: i32,
    /// How long the session lives, in milliseconds; 0 where it is over.
    pub timeout_ms: i32,
    /// The session, or 0 where it is over.
    pub session: i64,
    /// Its password.
    pub password: Secret,
    /// Whether the server is cut off from the others and only reads.
    pub read_only: bool,
}

/// What old clients and servers leave away: before ZooKeeper 3.4 nobody was read-only.
fn read_only(from: &mut Reader<'_>) -> Result<bool, Malformed> {
    if from.rest().is_empty() {
        Ok(false)
    } else {
        from.bool()
    }
}

impl Record for ConnectRequest {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            version: from.int()?,
            last_zxid: from.long()?,
            timeout_ms: from.int()?,
            session: from.long()?,
            password: Secret(from.buffer()?.to_vec()),
            read_only: read_only(from)?,
        })
    }

    fn write(&self, to: &mut Writer) {
        to.int(self.version);
        to.long(self.last_zxid);
        to.int(self.timeout_ms);
        to.long(self.session);
        to.buffer(&self.password.0);
        to.bool(self.read_only);
    }
}

impl Record for ConnectResponse {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            version: from.int()?,
            timeout_ms: from.int()?,
            session: from.long()?,
            password: Secret(from.buffer()?.to_vec()),
            read_only: read_only(from)?,
        })
    }

    fn write(&self, to: &mut Writer) {
        to.int(self.version);
        to.int(self.timeout_ms);
        to.long(self.session);
        to.buffer(&self.password.0);
        to.bool(self.read_only);
    }
}
