//! Listings: the entries of a source in the form that every protocol has in common.

use std::collections::BTreeMap;

use super::left_out::{LeftOut, LeftOutReason};
use super::znode_item::{ItemVersions, ZnodeItem};
use crate::model::DirMark;
use bytes::Bytes;

/// An entry without its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The value.
    pub value: Bytes,
    /// The flags of Consul.
    pub flags: u64,
    /// Whether the entry is a directory of etcd v2.
    pub dir: DirMark,
    /// The TTL that was left when the entry was read, in milliseconds.
    pub ttl_left_ms: Option<u64>,
    /// What only ZooKeeper keeps; `None` if the source has no such attributes: those of the target stay then.
    pub znode: Option<ZnodeItem>,
    /// The versions, if they are moved, too.
    pub versions: Option<ItemVersions>,
}

/// What stands for the root where keys are listed: no entry that is moved has an empty key.
pub(super) const ROOT: &[u8] = b"";

/// Entries by key; keys are spelled as in Consul.
pub type Items = BTreeMap<Vec<u8>, Item>;

/// The entries of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The source; holds no secrets.
    pub origin: String,
    /// The index of the source, if the listing is as of one.
    pub index: Option<u64>,
    /// The time of reading, in milliseconds since 1970 by this machine's clock: TTLs count from here.
    pub read_ms: i64,
    /// The entries.
    pub items: Items,
    /// What clients of ZooKeeper set of `/`, which is no entry; `None` if the source has nothing of the kind: what the target
    /// has stays then.
    pub root: Option<Item>,
    /// The things left out.
    pub left_out: Vec<LeftOut>,
}

impl Listing {
    /// Adds something that is not moved.
    pub(super) fn leave_out(&mut self, reason: LeftOutReason, name: impl Into<String>) {
        let name = name.into();
        self.left_out.push(LeftOut { reason, name });
    }

    /// The total length of the values, in bytes.
    pub fn bytes(&self) -> u64 {
        let lengths = self.items.values().map(|item| item.value.len());
        u64::try_from(lengths.sum::<usize>()).unwrap_or(u64::MAX)
    }

    /// Leaves the versions out, which then begin anew.
    pub fn forget_versions(&mut self) {
        for item in self.items.values_mut().chain(&mut self.root) {
            item.versions = None;
        }
    }

    /// Whether it has the versions of all its entries.
    pub(super) fn has_versions(&self) -> bool {
        let mut items = self.items.values().chain(&self.root);
        items.all(|item| item.versions.is_some())
    }

    /// The entries by key, and the root under [`ROOT`].
    pub(super) fn with_root(&self) -> impl Iterator<Item = (&[u8], &Item)> {
        let root = self.root.iter().map(|item| (ROOT, item));
        let items = self.items.iter().map(|(key, item)| (key.as_slice(), item));
        root.chain(items)
    }

    /// An entry, or the root.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Item> {
        if key == ROOT {
            self.root.as_ref()
        } else {
            self.items.get(key)
        }
    }

    /// Replaces a prefix of the keys by another. Entries whose keys do not begin with it are dropped; the root stays where
    /// it is, or is left out.
    pub(super) fn rename(&mut self, from: &[u8], to: &[u8]) {
        if from != to && self.root.take().is_some() {
            self.leave_out(LeftOutReason::Root, "/");
        }
        let items = std::mem::take(&mut self.items).into_iter();
        let renamed = items.filter_map(|(key, item)| {
            let rest = key.strip_prefix(from)?;
            Some(([to, rest].concat(), item))
        });
        self.items = renamed.collect();
    }

    /// The time at which an item's TTL runs out, in milliseconds since 1970.
    pub(super) fn ends_ms(&self, item: &Item) -> Option<i64> {
        let left = item.ttl_left_ms?;
        Some(self.read_ms.saturating_add_unsigned(left))
    }
}

impl Item {
    /// This item as that of the root; `None` if it says no more than a root that nobody has set anything of.
    pub(super) fn into_root(self) -> Option<Self> {
        let is_closed = self.znode.as_ref().is_some_and(|znode| znode.acl.is_some());
        (is_closed || !self.value.is_empty()).then_some(self)
    }
}

/// A key as one line of text.
pub fn printable(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) => text.escape_debug().to_string(),
        Err(_) => key.escape_ascii().to_string(),
    }
}
