//! The records of requests and replies, except those of the handshake.

use std::borrow::Cow;

use super::{JuteReader, JuteRecord, JuteWriter, Malformed, Secret, Stat};

/// The header of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The number of the request, repeated in the reply.
    pub xid: i32,
    /// The operation: [`OpCode::number`](super::OpCode::number).
    pub op: i32,
}

/// The header of a reply; the reply's record follows only on success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    /// The number of the request.
    pub xid: i32,
    /// The last zxid that the server has applied.
    pub zxid: i64,
    /// 0 for success, or the error: [`ErrorCode::of`](super::ErrorCode::of).
    pub error: i32,
}

/// A node's path: the request of `Sync`, `GetAcl` and `GetAllChildrenNumber`, and the reply to `Sync` and `Create`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePath(pub String);

/// A node's path with the choice of a watch: the request of `Exists`, `GetData`, `GetChildren` and `GetChildren2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchablePath {
    /// The node.
    pub path: String,
    /// Whether the server is to send the next change of the node.
    pub watch: bool,
}

/// The credentials of a client: the request of `Auth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthPacket {
    /// Always 0.
    pub kind: i32,
    /// The scheme: `digest` for a name and a password.
    pub scheme: String,
    /// The credentials: `NAME:PASSWORD`; null is no empty pair.
    pub credentials: Option<Secret>,
}

/// The reply to `GetData`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataReply {
    /// The node's data; null where it was created with null.
    pub data: Option<Vec<u8>>,
    /// The node's metadata.
    pub stat: Stat,
}

/// The reply to `GetChildren2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildrenReply {
    /// The names of the children, in no order.
    pub names: Vec<String>,
    /// The node's metadata.
    pub stat: Stat,
}

/// An entry of an access list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// The bits of the permissions: read 1, write 2, create 4, delete 8, administer 16.
    pub permissions: i32,
    /// The authentication scheme.
    pub scheme: String,
    /// The identity within the scheme.
    pub id: String,
}

/// The reply to `GetAcl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclReply {
    /// The node's access list.
    pub list: Vec<AclEntry>,
    /// The node's metadata.
    pub stat: Stat,
}

impl JuteRecord for RequestHeader {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let (xid, op) = (from.int()?, from.int()?);
        Ok(Self { xid, op })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.int(self.xid);
        to.int(self.op);
    }
}

impl JuteRecord for ReplyHeader {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let (xid, zxid, error) = (from.int()?, from.long()?, from.int()?);
        Ok(Self { xid, zxid, error })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.int(self.xid);
        to.long(self.zxid);
        to.int(self.error);
    }
}

/// The empty record of pings and of closing a session.
impl JuteRecord for () {
    fn read(_from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(())
    }

    fn write(&self, _to: &mut JuteWriter) {}
}

impl JuteRecord for NodePath {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self(from.path()?.into_owned()))
    }

    fn write(&self, to: &mut JuteWriter) {
        to.text(&self.0);
    }
}

impl JuteRecord for WatchablePath {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let (path, watch) = (from.path()?.into_owned(), from.bool()?);
        Ok(Self { path, watch })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.text(&self.path);
        to.bool(self.watch);
    }
}

impl JuteRecord for AuthPacket {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            kind: from.int()?,
            scheme: from.text()?.into_owned(),
            credentials: from.nullable_buffer()?.map(|bytes| Secret(bytes.to_vec())),
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.int(self.kind);
        to.text(&self.scheme);
        to.nullable_buffer(self.credentials.as_ref().map(|secret| secret.0.as_slice()));
    }
}

impl JuteRecord for DataReply {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let (data, stat) = (
            from.nullable_buffer()?.map(<[u8]>::to_vec),
            Stat::read(from)?,
        );
        Ok(Self { data, stat })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.nullable_buffer(self.data.as_deref());
        self.stat.write(to);
    }
}

impl JuteRecord for ChildrenReply {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let names = from.vector(|from| from.text().map(Cow::into_owned))?;
        let stat = Stat::read(from)?;
        Ok(Self { names, stat })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.vector(&self.names, |to, name| to.text(name));
        self.stat.write(to);
    }
}

impl JuteRecord for AclEntry {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let (permissions, scheme) = (from.int()?, from.text()?.into_owned());
        let id = from.nullable_text()?;
        // A server looks into the ids of these schemes, and not at those of others before it refuses them.
        if id.is_none() && matches!(scheme.as_str(), "world" | "digest" | "ip") {
            return Err(Malformed::Null);
        }
        let id = id.unwrap_or_default().into_owned();
        Ok(Self {
            permissions,
            scheme,
            id,
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.int(self.permissions);
        to.text(&self.scheme);
        to.text(&self.id);
    }
}

impl JuteRecord for AclReply {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let list = from.vector(AclEntry::read)?;
        let stat = Stat::read(from)?;
        Ok(Self { list, stat })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.vector(&self.list, |to, entry| entry.write(to));
        self.stat.write(to);
    }
}
