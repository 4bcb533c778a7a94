//! `CreateRequest`: the records of operations that create nodes.

use super::{AclEntry, JuteReader, JuteRecord, JuteWriter, Malformed, Stat};

/// The request of `Create`, `Create2` and `CreateContainer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest {
    /// The node; with a sequence number to be added to the name, if the flags say so.
    pub path: String,
    /// The node's data; null is kept as null.
    pub data: Option<Vec<u8>>,
    /// The node's access list.
    pub acl: Vec<AclEntry>,
    /// The kind of node: one of [`create_flags`].
    pub flags: i32,
}

/// The kinds of nodes.
pub mod create_flags {
    /// Stays until it is deleted.
    pub const PERSISTENT: i32 = 0;
    /// Ends with its session.
    pub const EPHEMERAL: i32 = 1;
    /// Stays, and gets a sequence number.
    pub const PERSISTENT_SEQUENTIAL: i32 = 2;
    /// Ends with its session, and gets a sequence number.
    pub const EPHEMERAL_SEQUENTIAL: i32 = 3;
    /// Is deleted after its last child.
    pub const CONTAINER: i32 = 4;
    /// Is deleted when it was neither changed nor a parent for a time.
    pub const WITH_TTL: i32 = 5;
    /// The same, with a sequence number.
    pub const SEQUENTIAL_WITH_TTL: i32 = 6;
}

/// The request of `CreateTtl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTtlRequest {
    /// The node; its flags say that it has a TTL.
    pub node: CreateRequest,
    /// The TTL, in milliseconds.
    pub ttl_ms: i64,
}

/// The reply to `Create2`, `CreateContainer` and `CreateTtl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedReply {
    /// The node, with its sequence number.
    pub path: String,
    /// The node's metadata.
    pub stat: Stat,
}

impl JuteRecord for CreateRequest {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            path: from.path()?.into_owned(),
            data: from.nullable_buffer()?.map(<[u8]>::to_vec),
            acl: from.vector(AclEntry::read)?,
            flags: from.int()?,
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.text(&self.path);
        to.nullable_buffer(self.data.as_deref());
        to.vector(&self.acl, |to, entry| entry.write(to));
        to.int(self.flags);
    }
}

impl JuteRecord for CreateTtlRequest {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let (node, ttl_ms) = (CreateRequest::read(from)?, from.long()?);
        Ok(Self { node, ttl_ms })
    }

    fn write(&self, to: &mut JuteWriter) {
        self.node.write(to);
        to.long(self.ttl_ms);
    }
}

impl JuteRecord for CreatedReply {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let (path, stat) = (from.path()?.into_owned(), Stat::read(from)?);
        Ok(Self { path, stat })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.text(&self.path);
        self.stat.write(to);
    }
}
