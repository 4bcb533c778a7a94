//! Changes of one revision, applied to the key cache and turned into log events.

use std::collections::HashMap;
use std::sync::Arc;

use super::key_cache::{KeyCache, LastCommit, StoredLeader, TermFence};
use crate::model::{Cause, Change, Commit, Entry, Key};
use crate::store::etcd::encoding::entry::StoredValue;
use crate::store::etcd::encoding::layout::{EntryName, EtcdKey};
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
    /// Changes that clients see, each with its event's place in the revision.
    visible: Vec<(usize, Change)>,
    commit: Option<CommitRecord>,
    leader: bool,
    /// Attributes that no value has claimed yet.
    attributes: HashMap<EntryName, AttributesRecord>,
    /// Keys whose attributes may be orphaned now.
    touched: Vec<Key>,
}

impl KeyCache {
    /// Applies all events of one revision; gives the log events they amount to.
    pub(crate) fn apply(&mut self, revision: u64, events: Vec<KeyEvent>) -> Vec<LogEvent> {
        self.revision = revision;
        let mut changes = RevisionChanges::default();
        for event in &events {
            self.apply_record(revision, event, &mut changes);
        }
        // A rename deletes the temporary name and puts the key in one revision: the key comes first, so that the entry
        // is never seen to go.
        let (keys, temporary): (Vec<_>, Vec<_>) = events
            .into_iter()
            .enumerate()
            .partition(|(_, event)| matches!(event.key, EtcdKey::Value(EntryName::Key(_))));
        for (place, event) in keys.into_iter().chain(temporary) {
            let change = match event.key {
                EtcdKey::Value(EntryName::Key(key)) => {
                    self.apply_value(key, event.put, &mut changes)
                }
                EtcdKey::Value(EntryName::Temporary(name)) => {
                    self.apply_temporary(name, event.put, &mut changes)
                }
                EtcdKey::Attributes(_) | EtcdKey::Leader | EtcdKey::Term | EtcdKey::Commit => None,
            };
            changes.visible.extend(change.map(|change| (place, change)));
        }
        for key in std::mem::take(&mut changes.touched) {
            self.update_orphaned(key);
        }
        self.log_events(changes)
    }

    /// Applies an event of a record: attributes, leader, term, commit.
    fn apply_record(&mut self, revision: u64, event: &KeyEvent, changes: &mut RevisionChanges) {
        let bytes = event.put.as_ref().map(|value| &value.bytes);
        let mut commit = None;
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
                    commit = read.commit.take();
                    changes.attributes.insert(name.clone(), read);
                }
            }
            EtcdKey::Leader => {
                self.leader = bytes.map(|bytes| StoredLeader::new(bytes, revision));
                changes.leader = true;
            }
            EtcdKey::Term => self.fence = bytes.and_then(|bytes| TermFence::new(bytes, revision)),
            EtcdKey::Commit => commit = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok()),
            EtcdKey::Value(_) => {}
        }
        let last = self.last_commit.as_ref();
        if commit.is_some() || last.is_some_and(|last| last.key == event.key) {
            self.last_commit = Some(LastCommit {
                key: event.key.clone(),
                value: bytes.map(|bytes| (revision, bytes.clone())),
            });
        }
        changes.commit = changes.commit.take().or(commit);
    }

    /// Applies an event of a key's value; gives the change that clients see.
    fn apply_value(
        &mut self,
        key: Key,
        put: Option<StoredValue>,
        changes: &mut RevisionChanges,
    ) -> Option<Change> {
        changes.touched.push(key.clone());
        let Some(value) = put else {
            self.delete_value(&key);
            return Some(deletion(key));
        };
        let name = EntryName::Key(key.clone());
        let (entry, before) = self.put_value(&key, value, changes.attributes.remove(&name));
        // Clients have seen the entry since it had its temporary name.
        let is_renamed = before
            .is_some_and(|before| before.index == entry.index() && before.temporary_name.is_some());
        (!is_renamed).then(|| put_of(key, entry))
    }

    /// Applies an event of a temporary name; gives the change that clients see.
    fn apply_temporary(
        &mut self,
        name: String,
        put: Option<StoredValue>,
        changes: &mut RevisionChanges,
    ) -> Option<Change> {
        if let Some(value) = put {
            let attributes = changes
                .attributes
                .remove(&EntryName::Temporary(name.clone()))?;
            let (key, entry) = self.put_temporary(name, value, attributes)?;
            return Some(put_of(key, entry));
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
                deletion(key)
            })
    }

    fn log_events(&self, mut changes: RevisionChanges) -> Vec<LogEvent> {
        let mut events = Vec::new();
        if changes.commit.is_some() || !changes.visible.is_empty() {
            changes.visible.sort_by_key(|(place, _)| *place);
            let visible: Vec<_> = changes
                .visible
                .into_iter()
                .map(|(_, change)| change)
                .collect();
            let is_deletion = visible.iter().all(|change| change.now.is_none());
            let external = if is_deletion {
                Cause::Delete
            } else {
                Cause::Set
            };
            let commit = changes.commit.as_ref();
            let subject = commit.and_then(|commit| commit.subject.as_ref());
            events.push(LogEvent::Commit {
                commit: Arc::new(Commit {
                    revision: self.index(),
                    cause: commit.map_or(external, |commit| commit.cause),
                    subject: subject.map(Key::user),
                    changes: visible,
                }),
                write_id: commit.map(|commit| commit.write_id),
            });
        }
        if changes.leader {
            events.push(LogEvent::Leader {
                record: self.leader_record().cloned(),
                revision: self.index(),
            });
        }
        if events.is_empty() {
            events.push(LogEvent::Progress(self.index()));
        }
        events
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
                put(EtcdKey::Commit, record, 7),
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
