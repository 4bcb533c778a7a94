//! `VersionedPath`, `SetDataRequest`, `SetAclRequest`: the records of operations that change a node of a given version.

use super::{AclEntry, JuteReader, JuteRecord, JuteWriter, Malformed};

/// A node's path with the version that it must have: the request of `Delete` and `Check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionedPath {
    /// The node.
    pub path: String,
    /// The version of its data; -1 is any.
    pub version: i32,
}

/// The request of `SetData`; the reply is a [`Stat`](super::Stat).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetDataRequest {
    /// The node.
    pub path: String,
    /// The new data; null is kept as null.
    pub data: Option<Vec<u8>>,
    /// The version of its present data; -1 is any.
    pub version: i32,
}

/// The request of `SetAcl`; the reply is a [`Stat`](super::Stat).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAclRequest {
    /// The node.
    pub path: String,
    /// The new access list.
    pub acl: Vec<AclEntry>,
    /// The version of its present access list; -1 is any.
    pub acl_version: i32,
}

impl JuteRecord for VersionedPath {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let (path, version) = (from.path()?.into_owned(), from.int()?);
        Ok(Self { path, version })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.text(&self.path);
        to.int(self.version);
    }
}

impl JuteRecord for SetDataRequest {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            path: from.path()?.into_owned(),
            data: from.nullable_buffer()?.map(<[u8]>::to_vec),
            version: from.int()?,
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.text(&self.path);
        to.nullable_buffer(self.data.as_deref());
        to.int(self.version);
    }
}

impl JuteRecord for SetAclRequest {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            path: from.path()?.into_owned(),
            acl: from.vector(AclEntry::read)?,
            acl_version: from.int()?,
        })
    }

    fn write(&self, to: &mut JuteWriter) {
        to.text(&self.path);
        to.vector(&self.acl, |to, entry| entry.write(to));
        to.int(self.acl_version);
    }
}
