//! What is known of a node besides its bytes.

use super::{Malformed, Reader, Record, Writer};

/// A node's numbers. A zxid is the number of a change: those of one ensemble grow, whatever they change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// The change that made it.
    pub created: i64,
    /// The last change of its bytes.
    pub modified: i64,
    /// When it was made, in milliseconds since 1970.
    pub ctime_ms: i64,
    /// When its bytes last changed, in milliseconds since 1970.
    pub mtime_ms: i64,
    /// How often its bytes were changed.
    pub version: i32,
    /// How often its children were changed.
    pub children_version: i32,
    /// How often its access list was changed.
    pub acl_version: i32,
    /// The session it goes with, or 0. Servers tell 0 of containers and of nodes with a TTL, too.
    pub ephemeral_owner: i64,
    /// How many bytes it has.
    pub length: i32,
    /// How many children it has.
    pub children: i32,
    /// The last change of which children it has.
    pub children_modified: i64,
}

impl Record for Stat {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            created: from.long()?,
            modified: from.long()?,
            ctime_ms: from.long()?,
            mtime_ms: from.long()?,
            version: from.int()?,
            children_version: from.int()?,
            acl_version: from.int()?,
            ephemeral_owner: from.long()?,
            length: from.int()?,
            children: from.int()?,
            children_modified: from.long()?,
        })
    }

    fn write(&self, to: &mut Writer) {
        to.long(self.created);
        to.long(self.modified);
        to.long(self.ctime_ms);
        to.long(self.mtime_ms);
        to.int(self.version);
        to.int(self.children_version);
        to.int(self.acl_version);
        to.long(self.ephemeral_owner);
        to.int(self.length);
        to.int(self.children);
        to.long(self.children_modified);
    }
}
