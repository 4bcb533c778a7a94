//! A full list of the prefix, turned into a key cache and the log's contents.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::key_cache::{KeyCache, LastCommit, StoredLeader, TermFence};
use crate::model::{Entry, Key};
use crate::store::etcd::encoding::entry::StoredValue;
use crate::store::etcd::encoding::layout::{EntryName, EtcdKey};
use crate::store::etcd::encoding::records::{AttributesRecord, CommitRecord};
use crate::store::shared::log::LogContents;
use crate::store::shared::write_ids::WriteId;

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
                EtcdKey::Commit => {
                    let commit = serde_json::from_slice(&value.bytes).ok();
                    cache.note_commit(&mut records, EtcdKey::Commit, value, commit);
                }
                EtcdKey::Attributes(name) => cache.read_attributes(&mut records, name, value),
                EtcdKey::Value(name) => values.push((name, value)),
            }
        }
        cache.offset = cache.leader_record().map_or(0, |record| record.offset);
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
        let contents = LogContents {
            revision: cache.index(),
            entries,
            leader: cache.leader.as_ref().and_then(|leader| {
                let record = leader.record.clone()?;
                Some((record, leader.modified + cache.offset))
            }),
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
        let beside = beside.filter(|(modified, _)| *modified == value.modified);
        let attributes = beside.and_then(|(_, attributes)| attributes.take());
        match name {
            EntryName::Key(key) => {
                let (entry, _) = self.put_value(&key, value, attributes);
                Some((key, entry))
            }
            EntryName::Temporary(name) => self.put_temporary(name, value, attributes?),
        }
    }
}
