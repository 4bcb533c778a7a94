//! Requests and answers, after how a connection begins.

use super::{Malformed, Reader, Record, Secret, Stat, Writer};

/// What stands before a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Comes back in the reply.
    pub xid: i32,
    /// What is asked for: [`Op::number`](super::Op::number).
    pub op: i32,
}

/// What stands before an answer, which only follows where there is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    /// That of the request.
    pub xid: i32,
    /// The latest change the server has taken in.
    pub zxid: i64,
    /// 0, or the error: [`Code::of`](super::Code::of).
    pub error: i32,
}

/// Asks for something of a node, without a watch: `Sync` and `GetAcl`; the answer to `Sync`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub String);

/// Asks for something of a node that can be watched: `Exists`, `GetData` and `GetChildren2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedPath {
    /// The node.
    pub path: String,
    /// Whether its next change is to be told.
    pub watch: bool,
}

/// Says who a client is: `Auth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthPacket {
    /// Always 0.
    pub kind: i32,
    /// How that is shown: `digest` for a name and a password.
    pub scheme: String,
    /// What shows it: `NAME:PASSWORD`.
    pub shown: Secret,
}

/// The answer to `GetData`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataReply {
    /// The node's bytes.
    pub data: Vec<u8>,
    /// Its numbers.
    pub stat: Stat,
}

/// The answer to `GetChildren2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildrenReply {
    /// The names of the children, in no order.
    pub names: Vec<String>,
    /// The node's numbers.
    pub stat: Stat,
}

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// Bits of what is allowed: read 1, write 2, create 4, delete 8, administer 16.
    pub permissions: i32,
    /// How somebody shows who they are.
    pub scheme: String,
    /// Who it is, or what they show.
    pub id: String,
}

/// The answer to `GetAcl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclReply {
    /// The node's access list.
    pub list: Vec<AclEntry>,
    /// Its numbers.
    pub stat: Stat,
}

impl Record for RequestHeader {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (xid, op) = (from.int()?, from.int()?);
        Ok(Self { xid, op })
    }

    fn write(&self, to: &mut Writer) {
        to.int(self.xid);
        to.int(self.op);
    }
}

impl Record for ReplyHeader {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (xid, zxid, error) = (from.int()?, from.long()?, from.int()?);
        Ok(Self { xid, zxid, error })
    }

    fn write(&self, to: &mut Writer) {
        to.int(self.xid);
        to.long(self.zxid);
        to.int(self.error);
    }
}

/// Nothing: of pings, and of a session's end.
impl Record for () {
    fn read(_from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(())
    }

    fn write(&self, _to: &mut Writer) {}
}

impl Record for Path {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(from.text()?.to_owned()))
    }

    fn write(&self, to: &mut Writer) {
        to.buffer(self.0.as_bytes());
    }
}

impl Record for WatchedPath {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (path, watch) = (from.text()?.to_owned(), from.bool()?);
        Ok(Self { path, watch })
    }

    fn write(&self, to: &mut Writer) {
        to.buffer(self.path.as_bytes());
        to.bool(self.watch);
    }
}

impl Record for AuthPacket {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            kind: from.int()?,
            scheme: from.text()?.to_owned(),
            shown: Secret(from.buffer()?.to_vec()),
        })
    }

    fn write(&self, to: &mut Writer) {
        to.int(self.kind);
        to.buffer(self.scheme.as_bytes());
        to.buffer(&self.shown.0);
    }
}

impl Record for DataReply {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (data, stat) = (from.buffer()?.to_vec(), Stat::read(from)?);
        Ok(Self { data, stat })
    }

    fn write(&self, to: &mut Writer) {
        to.buffer(&self.data);
        self.stat.write(to);
    }
}

impl Record for ChildrenReply {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let names = from.vector(|from| from.text().map(str::to_owned))?;
        let stat = Stat::read(from)?;
        Ok(Self { names, stat })
    }

    fn write(&self, to: &mut Writer) {
        to.vector(&self.names, |to, name| to.buffer(name.as_bytes()));
        self.stat.write(to);
    }
}

impl Record for AclEntry {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            permissions: from.int()?,
            scheme: from.text()?.to_owned(),
            id: from.text()?.to_owned(),
        })
    }

    fn write(&self, to: &mut Writer) {
        to.int(self.permissions);
        to.buffer(self.scheme.as_bytes());
        to.buffer(self.id.as_bytes());
    }
}

impl Record for AclReply {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let list = from.vector(AclEntry::read)?;
        let stat = Stat::read(from)?;
        Ok(Self { list, stat })
    }

    fn write(&self, to: &mut Writer) {
        to.vector(&self.list, |to, entry| entry.write(to));
        self.stat.write(to);
    }
}
