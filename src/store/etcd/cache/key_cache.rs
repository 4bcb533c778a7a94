//! The key cache: where each key under the prefix stands, as of one revision of etcd.
//!
//! A full list builds it (`contents`), and each revision that the watch delivers is applied to it (`apply`). Both ways
//! lead to the same cache (`relist_test`).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::model::{Attrs, Entry, Key};
use crate::store::etcd::encoding::entry::{StoredValue, decode_entry, in_order_key};
use crate::store::etcd::encoding::layout::EtcdKey;
use crate::store::etcd::encoding::leader::{self, NewerLayout};
use crate::store::etcd::encoding::numbering::Numbering;
use crate::store::etcd::encoding::records::{AttributesRecord, TermRecord, outlasting};
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::watched_state::NeedsCleanup;

/// Where each key stands. Revisions are etcd's; the numbering gives the index of each commit.
#[derive(Debug, Default)]
pub(crate) struct KeyCache {
    /// The id of the cluster that was read: 0 before the first load.
    pub(crate) cluster: u64,
    pub(crate) numbering: Numbering,
    /// The last revision that was applied.
    pub(crate) revision: u64,
    pub(crate) leader: Option<StoredLeader>,
    pub(crate) fence: Option<TermFence>,
    pub(crate) last_commit: Option<LastCommit>,
    pub(crate) slots: BTreeMap<Key, KeySlot>,
    /// The key of each entry that has a temporary name, by that name. More than what the slots say: where another
    /// writer has taken the key, no slot has the temporary name, and yet the entry must be deleted.
    pub(crate) temporary: BTreeMap<String, Key>,
    /// The keys whose attributes belong to no value: an index of `slots`, which are too many to be searched for them.
    pub(crate) orphaned_attributes: BTreeSet<Key>,
}

/// The key that carries the last commit's write id, and the revision and bytes of its value: `None` where it was
/// deleted since. Another etcd, restored from a backup, has other ones there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastCommit {
    pub(crate) key: EtcdKey,
    pub(crate) value: Option<(u64, Bytes)>,
}

/// The leader record as it is stored.
#[derive(Debug)]
pub(crate) struct StoredLeader {
    /// The record; `None` where it cannot be read.
    pub(crate) record: Option<LeaderRecord>,
    /// Only a later release reads it.
    pub(crate) newer: Option<NewerLayout>,
    pub(crate) bytes: Bytes,
    pub(crate) modified: u64,
}

/// The revision of the term record. Each write compares it, and so takes effect only while no other gateway has taken
/// leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TermFence {
    pub(crate) term: u64,
    pub(crate) modified: u64,
    /// The numbering that the record has a copy of.
    pub(crate) numbering: Option<Numbering>,
}

/// A key with a value, with attributes, or with both.
#[derive(Debug, Default)]
pub(crate) struct KeySlot {
    pub(crate) value: Option<CachedValue>,
    /// The revision the attributes were written at.
    pub(crate) attributes: Option<u64>,
    /// What of the attributes stays with the next external write of the value; few have any of it.
    pub(crate) outlasting: Option<Box<Attrs>>,
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CachedValue {
    pub(crate) modified: u64,
    pub(crate) index: u64,
    /// The name the value is stored under until it is renamed.
    pub(crate) temporary_name: Option<String>,
}

impl StoredLeader {
    pub(super) fn new(bytes: &Bytes, modified: u64) -> Self {
        let read = leader::read(bytes, modified);
        let newer = read.as_ref().err().copied();
        Self {
            record: read.ok().flatten(),
            newer,
            bytes: bytes.clone(),
            modified,
        }
    }
}

impl TermFence {
    pub(super) fn new(bytes: &Bytes, modified: u64) -> Option<Self> {
        let TermRecord { term, indexes } = serde_json::from_slice(bytes).ok()?;
        let numbering = indexes.map(|indexes| indexes.read(modified));
        Some(Self {
            term,
            modified,
            numbering,
        })
    }
}

impl NeedsCleanup for KeyCache {
    fn needs_cleanup(&self) -> bool {
        !self.temporary.is_empty() || !self.orphaned_attributes.is_empty()
    }
}

impl KeyCache {
    /// The last index of the last revision that was applied.
    pub(crate) fn index(&self) -> u64 {
        self.numbering.through(self.revision)
    }

    /// The index of a record of the gateways that was written at a revision.
    pub(crate) fn index_of_record(&self, modified: u64) -> u64 {
        self.numbering.index(modified, 0)
    }

    /// Where the value of a key stands.
    pub(crate) fn value(&self, key: &Key) -> Option<&CachedValue> {
        self.slots.get(key)?.value.as_ref()
    }

    /// The leader record; `None` where there is none, or none that can be read.
    pub(crate) fn leader_record(&self) -> Option<&LeaderRecord> {
        self.leader.as_ref()?.record.as_ref()
    }

    /// Puts a value under its key; gives the entry and the value that was there.
    pub(super) fn put_value(
        &mut self,
        key: &Key,
        value: StoredValue,
        attributes: Option<AttributesRecord>,
    ) -> (Entry, Option<CachedValue>) {
        let modified = value.modified;
        let slot = self.slots.entry(key.clone()).or_default();
        match &attributes {
            Some(_) => slot.outlasting = outlasting(attributes.as_ref()),
            // A value that was deleted in between is another one.
            None if value.created == modified => slot.outlasting = None,
            None => {}
        }
        let kept = slot.outlasting.as_deref();
        let entry = decode_entry(value, attributes, kept, self.numbering);
        let before = slot.value.replace(CachedValue {
            modified,
            index: entry.index(),
            temporary_name: None,
        });
        (entry, before)
    }

    /// Puts an in-order entry that has a temporary name; gives its key and the entry, where clients see it.
    pub(super) fn put_temporary(
        &mut self,
        name: String,
        value: StoredValue,
        attributes: AttributesRecord,
    ) -> Option<(Key, Entry)> {
        // Without a directory it has no key.
        let parent = attributes.parent.clone()?;
        let modified = value.modified;
        let index = self.numbering.index(modified, attributes.place);
        let key = in_order_key(&parent, index);
        self.temporary.insert(name.clone(), key.clone());
        let slot = self.slots.entry(key.clone()).or_default();
        // Another writer took the key first.
        if slot.value.is_some() {
            return None;
        }
        // An external write under its key would be the first there.
        slot.outlasting = None;
        let entry = decode_entry(value, Some(attributes), None, self.numbering);
        slot.value = Some(CachedValue {
            modified,
            index: entry.index(),
            temporary_name: Some(name),
        });
        Some((key, entry))
    }

    /// Notes whether a key's attributes are orphaned; drops a slot that is empty.
    pub(super) fn update_orphaned(&mut self, key: Key) {
        let Some(slot) = self.slots.get(&key) else {
            return;
        };
        let value = slot.value.as_ref().map(|value| value.modified);
        // Of these something stays with the value that an external write has put since.
        let are_kept = slot.outlasting.is_some() && slot.attributes < value;
        if slot.attributes.is_some() && slot.attributes != value && !are_kept {
            self.orphaned_attributes.insert(key);
            return;
        }
        self.orphaned_attributes.remove(&key);
        if value.is_none() {
            self.slots.remove(&key);
        }
    }

    /// Deletes a value.
    pub(super) fn delete_value(&mut self, key: &Key) {
        let slot = self.slots.entry(key.clone()).or_default();
        slot.value = None;
        slot.outlasting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(modified: u64) -> StoredValue {
        StoredValue {
            bytes: Bytes::from_static(b"v"),
            version: 1,
            created: modified,
            modified,
        }
    }

    #[test]
    fn attributes_of_another_revision_than_the_value_are_orphaned() {
        let key = || Key::user("k");
        let mut cache = KeyCache::default();
        cache.put_value(&key(), stored(5), None);
        for (attributes, orphaned) in [(None, false), (Some(5), false), (Some(4), true)] {
            cache.slots.entry(key()).or_default().attributes = attributes;
            cache.update_orphaned(key());
            assert_eq!(cache.needs_cleanup(), orphaned, "{attributes:?}");
        }
    }

    #[test]
    fn slot_without_value_and_attributes_is_dropped() {
        let key = Key::user("k");
        let mut cache = KeyCache::default();
        cache.slots.entry(key.clone()).or_default();
        cache.update_orphaned(key);
        assert!(cache.slots.is_empty());
    }

    #[test]
    fn in_order_entry_whose_key_is_taken_is_hidden_and_cleaned_up() {
        let key = in_order_key(b"q/", 5);
        let attributes = AttributesRecord {
            parent: Some(b"q/".to_vec()),
            ..AttributesRecord::default()
        };
        let mut cache = KeyCache::default();
        cache.put_value(&key, stored(4), None);
        let shown = cache.put_temporary("1.1".to_owned(), stored(5), attributes);
        assert_eq!(shown, None);
        assert_eq!(cache.value(&key).map(|value| value.modified), Some(4));
        assert!(cache.needs_cleanup());
    }
}
