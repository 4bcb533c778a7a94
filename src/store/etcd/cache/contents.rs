//! A full list of the prefix, turned into a key cache and the log's contents.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::key_cache::{KeyCache, LastCommit, StoredLeader, TermFence};
use crate::model::{Entry, Key};
use crate::store::etcd::encoding::entry::StoredValue;
use crate::store::etcd::encoding::layout::{EntryName, EtcdKey};
use crate::store::etcd::encoding::numbering::Numbering;
use crate::store::etcd::encoding::records::{AttributesRecord, CommitRecord, outlasting};
use crate::store::shared::log::LogContents;
use crate::store::shared::write_ids::{HIGHEST_TERM, WriteId, highest_term};

/// The records of a list.
#[derive(Debug, Default)]
struct ListedRecords {
    /// The attributes, each with the revision it was written at; `None` where they cannot be read, or a value has
    /// claimed them.
    attributes: HashMap<EntryName, (u64, Option<AttributesRecord>)>,
    write_ids: HashSet<WriteId>,
}

impl KeyCache {
    /// The cache and the contents of a list of all keys, as of one revision.
    pub(crate) fn from_list(
        cluster: u64,
        revision: u64,
        keys: Vec<(EtcdKey, StoredValue)>,
    ) -> (Self, LogContents) {
        let mut cache = Self {
            cluster,
            revision,
            ..Self::default()
        };
        let mut records = ListedRecords::default();
        let mut values = Vec::new();
        for (key, value) in keys {
            match key {
                EtcdKey::Leader => {
                    cache.leader = Some(StoredLeader::new(&value.bytes, value.modified));
                }
                EtcdKey::Term => cache.fence = TermFence::new(&value.bytes, value.modified),
                EtcdKey::Commit(_) => {
                    let commit = serde_json::from_slice(&value.bytes).ok();
                    cache.note_commit(&mut records, key, value, commit);
                }
                EtcdKey::Attributes(name) => cache.read_attributes(&mut records, name, value),
                EtcdKey::Value(name) => values.push((name, value)),
            }
        }
        let leader = cache.leader_record().map(Numbering::of);
        let copy = cache.fence.and_then(|fence| fence.numbering);
        cache.numbering = leader.or(copy).unwrap_or_default();
        // Entries with their keys come first, so that no in-order entry takes the place of one.
        values.sort_by_key(|(name, _)| matches!(name, EntryName::Temporary(_)));
        let entries = values.into_iter();
        let entries = entries.filter_map(|(name, value)| cache.insert(name, value, &mut records));
        let entries = entries.map(|(key, entry)| (key, Arc::new(entry))).collect();
        for (name, (modified, _)) in records.attributes {
            if let EntryName::Key(key) = name {
                cache.slots.entry(key.clone()).or_default().attributes = Some(modified);
                cache.update_orphaned(key);
            }
        }
        // Both are the gateways' own: a higher term in the attributes of an entry was edited by hand.
        let leader = cache.leader_record().map(|record| record.term);
        let fence = cache.fence.map(|fence| fence.term);
        let fence = fence.filter(|term| *term <= HIGHEST_TERM);
        let term = leader
            .max(fence)
            .unwrap_or_else(|| highest_term(&records.write_ids));
        let contents = LogContents {
            revision: cache.index(),
            entries,
            leader: cache.leader.as_ref().and_then(|leader| {
                let record = leader.record.clone()?;
                Some((record, cache.index_of_record(leader.modified)))
            }),
            term,
            write_ids: records.write_ids,
        };
        (cache, contents)
    }

    fn read_attributes(
        &mut self,
        records: &mut ListedRecords,
        name: EntryName,
        value: StoredValue,
    ) {
        let modified = value.modified;
        let mut read = serde_json::from_slice::<AttributesRecord>(&value.bytes).ok();
        let commit = read.as_mut().and_then(|read| read.commit.take());
        let key = EtcdKey::Attributes(name.clone());
        self.note_commit(records, key, value, commit);
        records.attributes.insert(name, (modified, read));
    }

    /// Notes the commit record that a key carries, if it does.
    fn note_commit(
        &mut self,
        records: &mut ListedRecords,
        key: EtcdKey,
        value: StoredValue,
        commit: Option<CommitRecord>,
    ) {
        let Some(commit) = commit else { return };
        records.write_ids.insert(commit.write_id);
        let last = self.last_commit.as_ref();
        let last = last.and_then(|last| last.value.as_ref());
        if last.is_none_or(|(modified, _)| *modified < value.modified) {
            self.last_commit = Some(LastCommit {
                key,
                value: Some((value.modified, value.bytes)),
            });
        }
    }

    /// Inserts a listed value; gives its key and entry, where clients see it.
    fn insert(
        &mut self,
        name: EntryName,
        value: StoredValue,
        records: &mut ListedRecords,
    ) -> Option<(Key, Entry)> {
        let beside = records.attributes.get_mut(&name);
        let (mut attributes, mut kept) = (None, None);
        if let Some((modified, read)) = beside {
            if *modified == value.modified {
                attributes = read.take();
            } else if (value.created..value.modified).contains(modified) {
                // They belong to an earlier value of the key, which an external write replaced.
                kept = outlasting(read.as_ref());
            }
        }
        match name {
            EntryName::Key(key) => {
                let slot = self.slots.entry(key.clone()).or_default();
                slot.outlasting = kept;
                let (entry, _) = self.put_value(&key, value, attributes);
                Some((key, entry))
            }
            EntryName::Temporary(name) => self.put_temporary(name, value, attributes?),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::store::shared::election::leader_record::LeaderRecord;

    fn stored(key: EtcdKey, value: &serde_json::Value) -> (EtcdKey, StoredValue) {
        let bytes = Bytes::from(value.to_string());
        let (version, created, modified) = (1, 5, 5);
        let value = StoredValue {
            bytes,
            version,
            created,
            modified,
        };
        (key, value)
    }

    fn entry(key: &str, term: u64) -> [(EtcdKey, StoredValue); 2] {
        let name = || EntryName::Key(Key::user(key));
        let commit = json!({"stamp": {"term": term, "sequence": 1}});
        [
            stored(EtcdKey::Value(name()), &json!("v")),
            stored(
                EtcdKey::Attributes(name()),
                &json!({"commit": commit, "attrs": {}}),
            ),
        ]
    }

    fn term(keys: Vec<(EtcdKey, StoredValue)>) -> u64 {
        KeyCache::from_list(1, 9, keys).1.term
    }

    #[test]
    fn term_of_edited_attributes_is_not_the_leaders() {
        let record = LeaderRecord {
            term: 3,
            ..LeaderRecord::default()
        };
        let leader = || stored(EtcdKey::Leader, &serde_json::to_value(&record).unwrap());
        let fence = |term: u64| stored(EtcdKey::Term, &json!({"term": term}));
        let edited = || entry("a", 1_000_000).to_vec();
        assert_eq!(term([vec![leader(), fence(3)], edited()].concat()), 3);
        assert_eq!(term([vec![fence(4)], edited()].concat()), 4);
        let absurd = [vec![leader(), fence(u64::MAX)], edited()].concat();
        assert_eq!(term(absurd), 3);
        let deleted = [entry("a", 2), entry("b", u64::MAX)].concat();
        assert_eq!(term(deleted), 2, "terms go on from the highest believed");
    }
}
