//! Attributes that only a znode has, an entry as a client of ZooKeeper made it: most entries have none of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AccessList, is_default};

/// What only ZooKeeper remembers of an entry. Each is left out where it is the default, and unknown ones are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ZnodeAttrs {
    /// Who may do what with it; `None` is everybody everything.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) acl: Option<AccessList>,
    /// How often the list was set (ZooKeeper's `aversion`).
    #[serde(skip_serializing_if = "is_default")]
    pub(super) aversion: u32,
    /// The last commit that wrote the data, where a later one set the list alone.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) data: Option<DataMark>,
    /// The version whose data is null, which ZooKeeper tells from empty data.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) null: Option<u64>,
    /// Whether it is a container, which is deleted when its last child is gone.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) container: bool,
    /// How long it outlives its last write while it has no children, in milliseconds. It is not etcd's TTL, the deadline,
    /// which takes the directory with all that is in it.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) ttl_ms: Option<u64>,
    /// By how much its version exceeds the number of its writes, where an import kept the version. A store that counts
    /// writes itself, external ones too, adds this to its count.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) imported_version: u64,
    /// Attributes of a newer release, kept as they came.
    #[serde(flatten)]
    pub(super) other: BTreeMap<String, serde_json::Value>,
}

/// The commit that wrote an entry's data, and the version of that data.
///
/// A release that does not know this mark keeps it and counts the version up with each write: the mark then belongs to
/// another version, and means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataMark {
    pub(super) version: u64,
    pub(super) revision: u64,
}

impl ZnodeAttrs {
    /// Changes some of an entry's; it has none where all are the default, so that it is stored as if it never had any.
    pub(super) fn change(of: &mut Option<Box<Self>>, change: impl FnOnce(&mut Self)) {
        let mut attrs = of.take().unwrap_or_default();
        change(&mut attrs);
        if *attrs != Self::default() {
            *of = Some(attrs);
        }
    }

    /// About how many bytes they take in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        let acl = self.acl.as_ref().map_or(0, AccessList::memory_bytes);
        size_of::<Self>() + acl
    }
}
