//! Changes of one revision, applied to the key cache and turned into log events.
//!
//! A revision is one transaction, which may hold several commits. Each has a place. A value is of the commit that its
//! attributes name; a deletion is of the commit whose record came last before it, as each commit with deletions puts that first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::key_cache::{KeyCache, LastCommit, StoredLeader, TermFence};
use crate::model::{Cause, Change, Commit, Entry, Key};
use crate::store::etcd::encoding::entry::StoredValue;
use crate::store::etcd::encoding::layout::{EntryName, EtcdKey};
use crate::store::etcd::encoding::numbering::{LAST_PLACE, Numbering};
use crate::store::etcd::encoding::records::{AttributesRecord, CommitRecord, outlasting};
use crate::store::shared::log::LogEvent;

/// One key's change.
#[derive(Debug)]
pub(crate) struct KeyEvent {
    pub(crate) key: EtcdKey,
    /// Its value now; `None` where it was deleted.
    pub(crate) put: Option<StoredValue>,
}

/// What one revision changed, as far as its events were applied.
#[derive(Debug, Default)]
struct RevisionChanges {
    /// The commits by place. A revision of external writes is one, in the first place.
    commits: BTreeMap<u8, CommitChanges>,
    leader: bool,
    /// Attributes that no value has claimed yet.
    attributes: HashMap<EntryName, AttributesRecord>,
    /// Keys whose attributes may be orphaned now.
    touched: Vec<Key>,
}

/// What one commit changed.
#[derive(Debug, Default)]
struct CommitChanges {
    record: Option<CommitRecord>,
    /// Changes that clients see, each with its event's number in the revision.
    visible: Vec<(usize, Change)>,
}

/// A change that clients see, and the place of its commit.
type PlacedChange = (u8, Change);

impl KeyCache {
    /// Applies all events of one revision; gives the log events they amount to.
    pub(crate) fn apply(&mut self, revision: u64, events: Vec<KeyEvent>) -> Vec<LogEvent> {
        self.revision = revision;
        let mut changes = RevisionChanges::default();
        for event in &events {
            self.apply_record(revision, event, &mut changes);
        }
        let deleted_by = places_of_deletions(&events);
        // A rename deletes the temporary name and puts the key in one revision: the key comes first, so that the entry
        // is never seen to go.
        let (keys, temporary): (Vec<_>, Vec<_>) = events
            .into_iter()
            .zip(deleted_by)
            .enumerate()
            .partition(|(_, (event, _))| matches!(event.key, EtcdKey::Value(EntryName::Key(_))));
        for (number, (event, deleted_by)) in keys.into_iter().chain(temporary) {
            let change = match event.key {
                EtcdKey::Value(EntryName::Key(key)) => {
                    self.apply_value(key, event.put, deleted_by, &mut changes)
                }
                EtcdKey::Value(EntryName::Temporary(name)) => {
                    self.apply_temporary(name, event.put, deleted_by, &mut changes)
                }
                EtcdKey::Attributes(_) | EtcdKey::Leader | EtcdKey::Term | EtcdKey::Commit(_) => {
                    None
                }
            };
            if let Some((place, change)) = change {
                let commit = changes.commits.entry(place).or_default();
                commit.visible.push((number, change));
            }
        }
        for key in std::mem::take(&mut changes.touched) {
            self.update_orphaned(key);
        }
        self.log_events(changes)
    }

    /// Applies an event of a record: attributes, leader, term, commit.
    fn apply_record(&mut self, revision: u64, event: &KeyEvent, changes: &mut RevisionChanges) {
        let bytes = event.put.as_ref().map(|value| &value.bytes);
        let (mut place, mut commit) = (0, None);
        match &event.key {
            EtcdKey::Attributes(name) => {
                let read = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok());
                let read: Option<AttributesRecord> = read;
                if let EntryName::Key(key) = name {
                    let slot = self.slots.entry(key.clone()).or_default();
                    slot.attributes = bytes.map(|_| revision);
                    slot.outlasting = outlasting(read.as_ref());
                    changes.touched.push(key.clone());
                }
                if let Some(mut read) = read {
                    read.place = read.place.min(LAST_PLACE);
                    (place, commit) = (read.place, read.commit.take());
                    changes.attributes.insert(name.clone(), read);
                }
            }
            EtcdKey::Leader => {
                self.leader = bytes.map(|bytes| StoredLeader::new(bytes, revision));
                self.number_on();
                changes.leader = true;
            }
            EtcdKey::Term => self.fence = bytes.and_then(|bytes| TermFence::new(bytes, revision)),
            EtcdKey::Commit(own) => {
                place = *own;
                commit = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok());
            }
            EtcdKey::Value(_) => {}
        }
        let last = self.last_commit.as_ref();
        if commit.is_some() || last.is_some_and(|last| last.key == event.key) {
            self.last_commit = Some(LastCommit {
                key: event.key.clone(),
                value: bytes.map(|bytes| (revision, bytes.clone())),
            });
        }
        if let Some(commit) = commit {
            let changes = changes.commits.entry(place).or_default();
            changes.record.get_or_insert(commit);
        }
    }

    /// Takes over the numbering of a new leader record, where it changes no index so far.
    fn number_on(&mut self) {
        let numbering = self.leader_record().map(Numbering::of);
        let agreeing = numbering.filter(|new| new.agrees(self.numbering, self.revision));
        self.numbering = agreeing.unwrap_or(self.numbering);
    }

    /// Whether the leader record has another numbering than this cache, so that everything must be listed again.
    pub(crate) fn is_numbered_anew(&self) -> bool {
        let numbering = self.leader_record().map(Numbering::of);
        numbering.is_some_and(|numbering| numbering != self.numbering)
    }

    /// Applies an event of a key's value; gives the change that clients see.
    fn apply_value(
        &mut self,
        key: Key,
        put: Option<StoredValue>,
        deleted_by: u8,
        changes: &mut RevisionChanges,
    ) -> Option<PlacedChange> {
        changes.touched.push(key.clone());
        let Some(value) = put else {
            self.delete_value(&key);
            return Some((deleted_by, deletion(key)));
        };
        let attributes = changes.attributes.remove(&EntryName::Key(key.clone()));
        let place = attributes.as_ref().map_or(0, |read| read.place);
        let (entry, before) = self.put_value(&key, value, attributes);
        // Clients have seen the entry since it had its temporary name.
        let is_renamed = before
            .is_some_and(|before| before.index == entry.index() && before.temporary_name.is_some());
        (!is_renamed).then(|| (place, put_of(key, entry)))
    }

    /// Applies an event of a temporary name; gives the change that clients see.
    fn apply_temporary(
        &mut self,
        name: String,
        put: Option<StoredValue>,
        deleted_by: u8,
        changes: &mut RevisionChanges,
    ) -> Option<PlacedChange> {
        if let Some(value) = put {
            let attributes = changes
                .attributes
                .remove(&EntryName::Temporary(name.clone()))?;
            let place = attributes.place;
            let (key, entry) = self.put_temporary(name, value, attributes)?;
            return Some((place, put_of(key, entry)));
        }
        let key = self.temporary.remove(&name)?;
        changes.touched.push(key.clone());
        let slot = self.slots.entry(key.clone()).or_default();
        let value = slot.value.as_ref();
        // Else it was renamed, or another writer has taken its key.
        value
            .is_some_and(|value| value.temporary_name.is_some())
            .then(|| {
                slot.value = None;
                slot.outlasting = None;
                (deleted_by, deletion(key))
            })
    }

    fn log_events(&self, changes: RevisionChanges) -> Vec<LogEvent> {
        let commits = changes.commits.into_iter();
        let mut events: Vec<_> = commits
            .map(|(place, changes)| {
                commit_event(self.numbering.index(self.revision, place), changes)
            })
            .collect();
        if changes.leader {
            events.push(LogEvent::Leader {
                record: self.leader_record().cloned(),
                revision: self.index_of_record(self.revision),
            });
        }
        if events.is_empty() {
            events.push(LogEvent::Progress(self.index()));
        }
        events
    }
}

/// For each event the commit that it is of, should it be a deletion.
fn places_of_deletions(events: &[KeyEvent]) -> Vec<u8> {
    let mut last = 0;
    let place = |event: &KeyEvent| {
        if let EtcdKey::Commit(place) = event.key {
            last = place;
        }
        last
    };
    events.iter().map(place).collect()
}

fn commit_event(revision: u64, changes: CommitChanges) -> LogEvent {
    let CommitChanges {
        record,
        mut visible,
    } = changes;
    visible.sort_by_key(|(number, _)| *number);
    let changes: Vec<_> = visible.into_iter().map(|(_, change)| change).collect();
    let is_deletion = changes.iter().all(|change| change.now.is_none());
    let external = if is_deletion {
        Cause::Delete
    } else {
        Cause::Set
    };
    let record = record.as_ref();
    let subject = record.and_then(|record| record.subject.as_ref());
    LogEvent::Commit {
        commit: Arc::new(Commit {
            revision,
            cause: record.map_or(external, |record| record.cause),
            subject: subject.map(Key::user),
            changes,
        }),
        write_id: record.map(|record| record.write_id),
    }
}

fn put_of(key: Key, entry: Entry) -> Change {
    Change {
        key,
        now: Some(Arc::new(entry)),
        before: None,
    }
}

fn deletion(key: Key) -> Change {
    Change {
        key,
        now: None,
        before: None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::etcd::encoding::entry::in_order_key;
    use crate::store::shared::write_ids::WriteId;

    fn put(key: EtcdKey, text: &str, modified: u64) -> KeyEvent {
        let value = StoredValue {
            bytes: Bytes::copy_from_slice(text.as_bytes()),
            version: 1,
            created: modified,
            modified,
        };
        let put = Some(value);
        KeyEvent { key, put }
    }

    fn deleted(key: EtcdKey) -> KeyEvent {
        KeyEvent { key, put: None }
    }

    fn k() -> EntryName {
        EntryName::Key(Key::user("k"))
    }

    fn attributes(sequence: u64) -> String {
        format!(
            r#"{{"commit":{{"stamp":{{"term":3,"sequence":{sequence}}},"cause":"create"}},"attrs":{{"flags":7}}}}"#
        )
    }

    /// The write id and the cause of the only log event, and what it changed.
    fn commit(events: &[LogEvent]) -> (Option<u64>, Cause, Vec<(Key, bool)>) {
        match events {
            [LogEvent::Commit { commit, write_id }] => {
                let changes = commit.changes.iter();
                let changes = changes.map(|change| (change.key.clone(), change.now.is_some()));
                let sequence = write_id.map(|WriteId { sequence, .. }| sequence);
                (sequence, commit.cause, changes.collect())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn write_id_stands_in_the_first_attributes_or_in_the_commit_record() {
        let key = Key::user("k");
        let mut cache = KeyCache::default();
        let written = cache.apply(
            5,
            vec![
                put(EtcdKey::Value(k()), "v", 5),
                put(EtcdKey::Attributes(k()), &attributes(8), 5),
            ],
        );
        let changes = vec![(key.clone(), true)];
        assert_eq!(commit(&written), (Some(8), Cause::Create, changes));
        let record = r#"{"stamp":{"term":3,"sequence":9},"cause":"compareAndDelete"}"#;
        let removed = cache.apply(
            7,
            vec![
                deleted(EtcdKey::Value(k())),
                deleted(EtcdKey::Attributes(k())),
                put(EtcdKey::Commit(0), record, 7),
            ],
        );
        let changes = vec![(key, false)];
        assert_eq!(
            commit(&removed),
            (Some(9), Cause::CompareAndDelete, changes)
        );
    }

    #[test]
    fn external_write_has_no_write_id_and_orphans_the_attributes() {
        let key = Key::user("k");
        let mut cache = KeyCache::default();
        cache.apply(
            5,
            vec![
                put(EtcdKey::Value(k()), "v", 5),
                put(EtcdKey::Attributes(k()), &attributes(8), 5),
            ],
        );
        let written = cache.apply(6, vec![put(EtcdKey::Value(k()), "w", 6)]);
        assert_eq!(
            commit(&written),
            (None, Cause::Set, vec![(key.clone(), true)])
        );
        assert!(cache.orphaned_attributes.contains(&key));
        let removed = cache.apply(7, vec![deleted(EtcdKey::Value(k()))]);
        assert_eq!(commit(&removed), (None, Cause::Delete, vec![(key, false)]));
    }

    #[test]
    fn rename_of_an_in_order_entry_is_hidden() {
        let name = || EntryName::Temporary("3.8.0".to_owned());
        let key = in_order_key(b"q/", 5);
        let parent = b"q/".map(u64::from);
        let mut cache = KeyCache::default();
        let record = serde_json::json!({"parent": parent, "attrs": {}}).to_string();
        let created = cache.apply(
            5,
            vec![
                put(EtcdKey::Value(name()), "v", 5),
                put(EtcdKey::Attributes(name()), &record, 5),
            ],
        );
        let changes = vec![(key.clone(), true)];
        assert_eq!(commit(&created), (None, Cause::Set, changes));
        let renamed = cache.apply(
            6,
            vec![
                deleted(EtcdKey::Value(name())),
                deleted(EtcdKey::Attributes(name())),
                put(EtcdKey::Value(EntryName::Key(key.clone())), "v", 6),
                put(
                    EtcdKey::Attributes(EntryName::Key(key.clone())),
                    r#"{"at":5,"attrs":{}}"#,
                    6,
                ),
            ],
        );
        assert!(
            matches!(renamed[..], [LogEvent::Progress(6)]),
            "{renamed:?}"
        );
        assert_eq!(cache.value(&key).map(|value| value.index), Some(5));
        assert!(cache.temporary.is_empty() && cache.orphaned_attributes.is_empty());
    }
}
