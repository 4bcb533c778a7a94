//! `Stat`: the metadata of a node.

use super::{JuteReader, JuteRecord, JuteWriter, Malformed};

/// The metadata of a node. A zxid numbers a change; the zxids of an ensemble grow with every change of any node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// The zxid of its creation.
    pub created: i64,
    /// The zxid of the last change of its data.
    pub modified: i64,
    /// The time of its creation, in milliseconds since 1970.
    pub ctime_ms: i64,
    /// The time of the last change of its data, in milliseconds since 1970.
    pub mtime_ms: i64,
    /// The number of changes of its data.
    pub version: i32,
    /// The number of changes of its list of children.
    pub children_version: i32,
    /// The number of changes of its access list.
    pub acl_version: i32,
    /// The session that an ephemeral node belongs to, or 0. It is 0 for container nodes and nodes with a TTL, too.
    pub ephemeral_owner: i64,
    /// The length of its data, in bytes.
    pub length: i32,
    /// The number of its children.
    pub children: i32,
    /// The zxid of the last change of its list of children.
    pub children_modified: i64,
}

impl JuteRecord for Stat {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
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

    fn write(&self, to: &mut JuteWriter) {
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
