//! What is known of the keys under the prefix, and what changes of them mean.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::layout::Name;
use super::records::{Attributes, Committed, Term, Value, entry, named};
use crate::model::{Cause, Change, Commit, Entry, Key};
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::{LogContents, LogEvent};
use crate::store::shared::watched_state::NeedsCleanup;
use crate::store::shared::write_ids::WriteId;

/// Everything known; revisions are etcd's, indexes are revisions and the offset.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Which etcd it is: 0 before the first load.
    pub(super) cluster: u64,
    pub(super) offset: u64,
    /// The last revision that was told.
    pub(super) version: u64,
    pub(super) lead: Option<Lead>,
    pub(super) fence: Option<Fence>,
    /// What bears the name of the last write, and what it is now.
    pub(super) last: Option<(Name, Option<(u64, Bytes)>)>,
    pub(super) slots: BTreeMap<Key, Slot>,
    /// Entries that are to be moved to where their name says, by the name they have meanwhile.
    pub(super) unmoved: BTreeMap<String, Key>,
    /// Keys with attributes that belong to no value.
    pub(super) strays: BTreeSet<Key>,
}

/// The lead's record.
#[derive(Debug)]
pub(super) struct Lead {
    pub(super) record: Option<LeaderRecord>,
    pub(super) bytes: Bytes,
    pub(super) modified: u64,
}

/// What a write compares: it takes effect only while the lead was not taken anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    pub(super) term: u64,
    pub(super) modified: u64,
}

/// What is known of one entry.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) value: Option<Seen>,
    /// When attributes were written there.
    pub(super) attributes: Option<u64>,
}

/// A value that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) modified: u64,
    pub(super) index: u64,
    /// The name it has until it is moved.
    pub(super) unmoved: Option<String>,
}

/// One key's change.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) name: Name,
    /// What it is now; `None` where it was deleted.
    pub(super) put: Option<Value>,
}

/// What happened in one revision, as far as it is gathered.
#[derive(Debug, Default)]
struct Step {
    changes: Vec<(usize, Change)>,
    committed: Option<Committed>,
    lead: bool,
    attributes: HashMap<Key, Attributes>,
    in_order: HashMap<String, Attributes>,
    touched: Vec<Key>,
}

/// What was read that stands beside the values, with the revision it was written at.
#[derive(Debug, Default)]
struct Beside {
    attributes: HashMap<Key, (u64, Option<Attributes>)>,
    in_order: HashMap<String, (u64, Option<Attributes>)>,
    write_ids: HashSet<WriteId>,
}

impl NeedsCleanup for Known {
    fn needs_cleanup(&self) -> bool {
        !self.unmoved.is_empty() || !self.strays.is_empty()
    }
}

impl Known {
    /// The index of the last thing told.
    pub(super) fn index(&self) -> u64 {
        self.version + self.offset
    }

    /// Where the entry of a key stands.
    pub(super) fn seen(&self, key: &Key) -> Option<&Seen> {
        self.slots.get(key)?.value.as_ref()
    }

    /// Takes in everything that happened in one revision; says what it means.
    pub(super) fn take(&mut self, revision: u64, events: Vec<Event>) -> Vec<LogEvent> {
        self.version = revision;
        let mut step = Step::default();
        for event in &events {
            self.take_beside(revision, event, &mut step);
        }
        // A move is told as a deletion and a value: the value first.
        let (named, in_order): (Vec<_>, Vec<_>) = events
            .into_iter()
            .enumerate()
            .partition(|(_, event)| matches!(event.name, Name::Value(_)));
        for (place, event) in named.into_iter().chain(in_order) {
            match event.name {
                Name::Value(key) => self.take_value(place, key, event.put, &mut step),
                Name::InOrder(name) => self.take_in_order(place, name, event.put, &mut step),
                Name::Attributes(_)
                | Name::InOrderAttributes(_)
                | Name::Lead
                | Name::Term
                | Name::Commit => {}
            }
        }
        for key in std::mem::take(&mut step.touched) {
            self.tidy(key);
        }
        self.news(step)
    }

    /// What stands beside the values.
    fn take_beside(&mut self, revision: u64, event: &Event, step: &mut Step) {
        let bytes = event.put.as_ref().map(|value| &value.bytes);
        let attributes = || serde_json::from_slice::<Attributes>(bytes?).ok();
        let mut commit = None;
        match &event.name {
            Name::Attributes(key) => {
                let slot = self.slots.entry(key.clone()).or_default();
                slot.attributes = bytes.map(|_| revision);
                step.touched.push(key.clone());
                if let Some(mut read) = attributes() {
                    commit = read.commit.take();
                    step.attributes.insert(key.clone(), read);
                }
            }
            Name::InOrderAttributes(name) => {
                if let Some(mut read) = attributes() {
                    commit = read.commit.take();
                    step.in_order.insert(name.clone(), read);
                }
            }
            Name::Lead => {
                self.lead = bytes.map(|bytes| lead(bytes, revision));
                step.lead = true;
            }
            Name::Term => self.fence = bytes.and_then(|bytes| fence(bytes, revision)),
            Name::Commit => commit = bytes.and_then(|bytes| serde_json::from_slice(bytes).ok()),
            Name::Value(_) | Name::InOrder(_) => {}
        }
        let bears = self
            .last
            .as_ref()
            .is_some_and(|(name, _)| *name == event.name);
        if commit.is_some() || bears {
            let now = bytes.map(|bytes| (revision, bytes.clone()));
            self.last = Some((event.name.clone(), now));
        }
        step.committed = step.committed.take().or(commit);
    }

    fn take_value(&mut self, place: usize, key: Key, put: Option<Value>, step: &mut Step) {
        let slot = self.slots.entry(key.clone()).or_default();
        step.touched.push(key.clone());
        let Some(value) = put else {
            slot.value = None;
            step.changes.push((place, gone(key)));
            return;
        };
        let modified = value.modified;
        let entry = entry(value, step.attributes.remove(&key), self.offset);
        let index = entry.index();
        let moved = slot
            .value
            .as_ref()
            .is_some_and(|seen| seen.index == index && seen.unmoved.is_some());
        slot.value = Some(Seen {
            modified,
            index,
            unmoved: None,
        });
        if !moved {
            step.changes.push((place, is(key, entry)));
        }
    }

    fn take_in_order(&mut self, place: usize, name: String, put: Option<Value>, step: &mut Step) {
        let Some(value) = put else {
            let Some(key) = self.unmoved.remove(&name) else {
                return;
            };
            let slot = self.slots.entry(key.clone()).or_default();
            if slot
                .value
                .as_ref()
                .is_some_and(|seen| seen.unmoved.is_some())
            {
                slot.value = None;
                step.changes.push((place, gone(key.clone())));
            }
            step.touched.push(key);
            return;
        };
        // Without a parent it has no name to be shown by.
        let Some(attributes) = step.in_order.remove(&name) else {
            return;
        };
        if let Some((key, entry)) = self.unmove(name, value, attributes) {
            step.changes.push((place, is(key, entry)));
        }
    }

    /// An entry that waits for its place.
    fn unmove(
        &mut self,
        name: String,
        value: Value,
        attributes: Attributes,
    ) -> Option<(Key, Entry)> {
        let parent = attributes.parent.clone()?;
        let modified = value.modified;
        let key = named(&parent, modified + self.offset);
        self.unmoved.insert(name.clone(), key.clone());
        let slot = self.slots.entry(key.clone()).or_default();
        // Somebody else was there first.
        if slot.value.is_some() {
            return None;
        }
        let entry = entry(value, Some(attributes), self.offset);
        slot.value = Some(Seen {
            modified,
            index: entry.index(),
            unmoved: Some(name),
        });
        Some((key, entry))
    }

    /// Notes whether attributes are left over, and forgets what is nowhere.
    fn tidy(&mut self, key: Key) {
        let Some(slot) = self.slots.get(&key) else {
            return;
        };
        let value = slot.value.as_ref().map(|seen| seen.modified);
        if slot.attributes.is_some() && slot.attributes != value {
            self.strays.insert(key);
            return;
        }
        self.strays.remove(&key);
        if value.is_none() {
            self.slots.remove(&key);
        }
    }

    fn news(&self, mut step: Step) -> Vec<LogEvent> {
        let mut news = Vec::new();
        if step.committed.is_some() || !step.changes.is_empty() {
            step.changes.sort_by_key(|(place, _)| *place);
            let changes: Vec<_> = step.changes.into_iter().map(|(_, change)| change).collect();
            let deleted = changes.iter().all(|change| change.now.is_none());
            let foreign = if deleted { Cause::Delete } else { Cause::Set };
            let committed = step.committed.as_ref();
            let subject = committed.and_then(|committed| committed.subject.as_ref());
            news.push(LogEvent::Commit {
                commit: Arc::new(Commit {
                    revision: self.index(),
                    cause: committed.map_or(foreign, |committed| committed.cause),
                    subject: subject.map(Key::user),
                    changes,
                }),
                write_id: committed.map(|committed| committed.write_id),
            });
        }
        if step.lead {
            news.push(LogEvent::Leader {
                record: self.lead.as_ref().and_then(|lead| lead.record.clone()),
                revision: self.index(),
            });
        }
        if news.is_empty() {
            news.push(LogEvent::Progress(self.index()));
        }
        news
    }

    /// Takes in all there is at a revision.
    pub(super) fn load(
        cluster: u64,
        revision: u64,
        all: Vec<(Name, Value)>,
    ) -> (Self, LogContents) {
        let mut known = Self {
            cluster,
            version: revision,
            ..Self::default()
        };
        let mut beside = Beside::default();
        let mut values = Vec::new();
        for (name, value) in all {
            match name {
                Name::Lead => known.lead = Some(lead(&value.bytes, value.modified)),
                Name::Term => known.fence = fence(&value.bytes, value.modified),
                Name::Commit => {
                    let commit = serde_json::from_slice(&value.bytes).ok();
                    known.note_last(&mut beside, Name::Commit, value, commit);
                }
                Name::Attributes(key) => {
                    let name = Name::Attributes(key.clone());
                    let read = known.read_beside(&mut beside, name, value);
                    beside.attributes.insert(key, read);
                }
                Name::InOrderAttributes(key) => {
                    let name = Name::InOrderAttributes(key.clone());
                    let read = known.read_beside(&mut beside, name, value);
                    beside.in_order.insert(key, read);
                }
                Name::Value(_) | Name::InOrder(_) => values.push((name, value)),
            }
        }
        let record = known.lead.as_ref().and_then(|lead| lead.record.as_ref());
        known.offset = record.map_or(0, |lead| lead.offset);
        // Keys with their names come first, so that nothing takes their place.
        values.sort_by_key(|(name, _)| matches!(name, Name::InOrder(_)));
        let entries = values.into_iter();
        let entries = entries.filter_map(|(name, value)| known.place(name, value, &mut beside));
        let entries: Vec<_> = entries.collect();
        for (key, (modified, _)) in beside.attributes {
            known.slots.entry(key.clone()).or_default().attributes = Some(modified);
            known.tidy(key);
        }
        let loaded = LogContents {
            revision: known.index(),
            entries,
            leader: known.lead.as_ref().and_then(|lead| {
                let record = lead.record.clone()?;
                Some((record, lead.modified + known.offset))
            }),
            write_ids: beside.write_ids,
        };
        (known, loaded)
    }

    /// Reads attributes; says when they were written, too.
    fn read_beside(
        &mut self,
        beside: &mut Beside,
        name: Name,
        value: Value,
    ) -> (u64, Option<Attributes>) {
        let modified = value.modified;
        let mut read = serde_json::from_slice::<Attributes>(&value.bytes).ok();
        let commit = read.as_mut().and_then(|read| read.commit.take());
        self.note_last(beside, name, value, commit);
        (modified, read)
    }

    /// Notes a write's name.
    fn note_last(
        &mut self,
        beside: &mut Beside,
        name: Name,
        value: Value,
        commit: Option<Committed>,
    ) {
        let Some(commit) = commit else { return };
        beside.write_ids.insert(commit.write_id);
        let last = self.last.as_ref().and_then(|(_, last)| last.as_ref());
        if last.is_none_or(|(modified, _)| *modified < value.modified) {
            self.last = Some((name, Some((value.modified, value.bytes))));
        }
    }

    /// The entry of a value that was there.
    fn place(
        &mut self,
        name: Name,
        value: Value,
        beside: &mut Beside,
    ) -> Option<(Key, Arc<Entry>)> {
        let modified = value.modified;
        let belonging = |found: Option<&mut (u64, Option<Attributes>)>| {
            let (_, read) = found.filter(|(written, _)| *written == modified)?;
            read.take()
        };
        if let Name::InOrder(name) = name {
            let attributes = belonging(beside.in_order.get_mut(&name))?;
            let (key, entry) = self.unmove(name, value, attributes)?;
            return Some((key, Arc::new(entry)));
        }
        let Name::Value(key) = name else { return None };
        let attributes = belonging(beside.attributes.get_mut(&key));
        let entry = entry(value, attributes, self.offset);
        let slot = self.slots.entry(key.clone()).or_default();
        slot.value = Some(Seen {
            modified,
            index: entry.index(),
            unmoved: None,
        });
        Some((key, Arc::new(entry)))
    }
}

fn lead(bytes: &Bytes, modified: u64) -> Lead {
    Lead {
        record: serde_json::from_slice(bytes).ok(),
        bytes: bytes.clone(),
        modified,
    }
}

fn fence(bytes: &Bytes, modified: u64) -> Option<Fence> {
    let Term { term } = serde_json::from_slice(bytes).ok()?;
    Some(Fence { term, modified })
}

fn is(key: Key, entry: Entry) -> Change {
    Change {
        key,
        now: Some(Arc::new(entry)),
        before: None,
    }
}

fn gone(key: Key) -> Change {
    Change {
        key,
        now: None,
        before: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &str, modified: u64) -> Value {
        Value {
            bytes: Bytes::copy_from_slice(bytes.as_bytes()),
            version: 1,
            created: modified,
            modified,
        }
    }

    fn event(name: Name, put: Option<Value>) -> Event {
        Event { name, put }
    }

    fn beside(sequence: u64) -> String {
        format!(
            r#"{{"commit":{{"stamp":{{"term":3,"sequence":{sequence}}},"cause":"create"}},"attrs":{{"flags":7}}}}"#
        )
    }

    fn write_id(sequence: u64) -> WriteId {
        WriteId { term: 3, sequence }
    }

    /// What the one commit of this revision was named, and why it was made.
    fn commit(news: &[LogEvent]) -> (Option<WriteId>, Cause) {
        match news {
            [LogEvent::Commit { commit, write_id }] => (*write_id, commit.cause),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_write_is_named_beside_its_first_value_or_by_a_record() {
        let key = || Key::user("k");
        let mut known = Known::default();
        let news = known.take(
            5,
            vec![
                event(Name::Value(key()), Some(value("v", 5))),
                event(Name::Attributes(key()), Some(value(&beside(8), 5))),
            ],
        );
        assert_eq!(commit(&news), (Some(write_id(8)), Cause::Create));
        let by_hand = known.take(6, vec![event(Name::Value(key()), Some(value("w", 6)))]);
        assert_eq!(commit(&by_hand), (None, Cause::Set));
        let record = r#"{"stamp":{"term":3,"sequence":9},"cause":"compareAndDelete"}"#;
        let news = known.take(
            7,
            vec![
                event(Name::Value(key()), None),
                event(Name::Attributes(key()), None),
                event(Name::Commit, Some(value(record, 7))),
            ],
        );
        assert_eq!(commit(&news), (Some(write_id(9)), Cause::CompareAndDelete));
    }

    #[test]
    fn what_bears_the_last_name_is_known_by_what_is_told_and_by_what_is_read() {
        let (a, b) = (Key::user("a"), Key::user("b"));
        let at = |key: &Key| Name::Attributes(key.clone());
        let put = |key: &Key, sequence: u64, modified: u64| {
            let (now, besides) = (value("v", modified), value(&beside(sequence), modified));
            [
                event(Name::Value(key.clone()), Some(now)),
                event(at(key), Some(besides)),
            ]
        };
        let last = |known: &Known| {
            let (name, now) = known.last.clone().unwrap();
            (name, now.map(|(modified, _)| modified))
        };
        let mut told = Known::default();
        told.take(5, put(&a, 1, 5).into());
        told.take(6, put(&b, 2, 6).into());
        assert_eq!(last(&told), (at(&b), Some(6)));
        let read = [put(&b, 2, 6), put(&a, 1, 5)].into_iter().flatten();
        let read = read.map(|event| (event.name, event.put.unwrap()));
        let (read, loaded) = Known::load(1, 6, read.collect());
        assert_eq!(read.last, told.last);
        assert_eq!(loaded.write_ids, HashSet::from([write_id(1), write_id(2)]));
        let flags = loaded.entries.iter().map(|(_, entry)| entry.attrs().flags);
        assert_eq!(flags.collect::<Vec<_>>(), [7, 7]);
        // Somebody else took it away.
        told.take(7, vec![event(at(&b), None)]);
        assert_eq!(last(&told), (at(&b), None));
        told.take(8, put(&a, 3, 8).into());
        assert_eq!(last(&told), (at(&a), Some(8)));
    }
}
