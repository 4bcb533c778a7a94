//! A full list and the watch lead to the same key cache, whoever writes what.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::apply::KeyEvent;
use super::key_cache::KeyCache;
use crate::model::{Entry, Key};
use crate::store::etcd::encoding::entry::{StoredValue, in_order_key};
use crate::store::etcd::encoding::layout::{EntryName, EtcdKey};
use crate::store::shared::log::LogEvent;
use crate::store::shared::write_ids::WriteId;

const KEYS: [&str; 3] = ["a", "b", "q/00000000000000000009"];

/// A few keys of an etcd, and the cache that its watch led to.
#[derive(Default)]
struct Etcd {
    revision: u64,
    stored: Vec<(EtcdKey, StoredValue)>,
    watched: KeyCache,
    entries: BTreeMap<Key, Arc<Entry>>,
}

impl Etcd {
    /// A transaction: the new value of each key, or its deletion.
    fn write(&mut self, writes: Vec<(EtcdKey, Option<String>)>) {
        self.revision += 1;
        let mut events = Vec::new();
        for (key, put) in writes {
            let was = self.stored.iter().position(|(stored, _)| *stored == key);
            let was = was.map(|at| self.stored.swap_remove(at).1);
            let put = put.map(|text| StoredValue {
                bytes: Bytes::from(text),
                version: was.as_ref().map_or(1, |was| was.version + 1),
                created: was.as_ref().map_or(self.revision, |was| was.created),
                modified: self.revision,
            });
            if let Some(value) = &put {
                self.stored.push((key.clone(), value.clone()));
            } else if was.is_none() {
                continue;
            }
            events.push(KeyEvent { key, put });
        }
        if events.is_empty() {
            self.revision -= 1;
            return;
        }
        for event in self.watched.apply(self.revision, events) {
            let LogEvent::Commit { commit, .. } = event else {
                continue;
            };
            for change in &commit.changes {
                match &change.now {
                    Some(entry) => self.entries.insert(change.key.clone(), Arc::clone(entry)),
                    None => self.entries.remove(&change.key),
                };
            }
        }
    }

    fn is_stored(&self, key: &EtcdKey) -> bool {
        self.stored.iter().any(|(stored, _)| stored == key)
    }
}

fn attributes(random: &mut fastrand::Rng, parent: Option<&str>) -> String {
    let commit = json!({"stamp": {"term": 1, "sequence": random.u32(..)}});
    let parent = parent.map(str::as_bytes);
    let mut attrs = json!({"flags": random.u32(..)});
    if random.bool() {
        let acl = json!([{"perms": random.i32(..), "scheme": "ip", "id": "::1"}]);
        attrs["znode"] = json!({"acl": acl, "imported_version": random.u8(..)});
    }
    json!({"parent": parent, "commit": commit, "attrs": attrs}).to_string()
}

fn step(etcd: &mut Etcd, random: &mut fastrand::Rng) {
    let key = Key::user(KEYS[random.usize(..KEYS.len())]);
    // A gateway waits until it is renamed, which takes a fraction of a second.
    if etcd
        .watched
        .temporary
        .values()
        .any(|renamed| *renamed == key)
    {
        return;
    }
    let is_orphaned = etcd.watched.orphaned_attributes.contains(&key);
    let name = EntryName::Key(key);
    let (value, beside) = (EtcdKey::Value(name.clone()), EtcdKey::Attributes(name));
    let text = random.u32(..).to_string();
    match random.u8(..10) {
        // A gateway writes, or deletes.
        0..=2 => {
            let attributes = attributes(random, None);
            etcd.write(vec![(value, Some(text)), (beside, Some(attributes))]);
        }
        3 if etcd.is_stored(&value) => {
            let commit = r#"{"stamp":{"term":1,"sequence":1}}"#.to_owned();
            etcd.write(vec![
                (value, None),
                (beside, None),
                (EtcdKey::Commit(0), Some(commit)),
            ]);
        }
        // An external write, of a value or where attributes would be.
        4 => etcd.write(vec![(value, Some(text))]),
        5 => etcd.write(vec![(value, None)]),
        6 if !etcd.is_stored(&value) => {
            etcd.write(vec![(beside, [None, Some(text)][random.usize(..2)].take())]);
        }
        // An in-order entry, under its temporary name.
        7 => {
            let name = EntryName::Temporary(format!("1.{text}"));
            let attributes = attributes(random, Some("q/"));
            let beside = EtcdKey::Attributes(name.clone());
            etcd.write(vec![
                (EtcdKey::Value(name), Some(text)),
                (beside, Some(attributes)),
            ]);
        }
        8 if is_orphaned => etcd.write(vec![(beside, None)]),
        _ => rename(etcd),
    }
}

/// Renames the first in-order entry; deletes it where another writer has taken its key.
fn rename(etcd: &mut Etcd) {
    let in_order = etcd.stored.iter().find_map(|(key, value)| {
        let EtcdKey::Value(EntryName::Temporary(name)) = key else {
            return None;
        };
        Some((name.clone(), value.clone()))
    });
    let Some((name, value)) = in_order else {
        return;
    };
    let temporary = EntryName::Temporary(name.clone());
    let beside = EtcdKey::Attributes(temporary.clone());
    let attributes = etcd.stored.iter().find(|(stored, _)| *stored == beside);
    let attributes = attributes.map(|(_, value)| value.bytes.clone()).unwrap();
    let to = in_order_key(b"q/", value.modified);
    let mut writes = vec![(EtcdKey::Value(temporary), None), (beside, None)];
    let cached = etcd.watched.value(&to);
    if cached.is_some_and(|cached| cached.temporary_name.as_deref() == Some(&name)) {
        let mut attributes: serde_json::Value = serde_json::from_slice(&attributes).unwrap();
        attributes["at"] = value.modified.into();
        attributes["commit"] = serde_json::Value::Null;
        attributes["parent"] = serde_json::Value::Null;
        let text = String::from_utf8(value.bytes.to_vec()).unwrap();
        let to = EntryName::Key(to);
        writes.push((EtcdKey::Value(to.clone()), Some(text)));
        writes.push((EtcdKey::Attributes(to), Some(attributes.to_string())));
    }
    etcd.write(writes);
}

#[test]
fn full_list_and_watch_yield_the_same_cache() {
    for seed in 0..400 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut etcd = Etcd::default();
        for _ in 0..40 {
            step(&mut etcd, &mut random);
            let (listed, contents) = KeyCache::from_list(1, etcd.revision, etcd.stored.clone());
            let read: BTreeMap<_, _> = contents.entries.into_iter().collect();
            assert_eq!(read, etcd.entries, "seed {seed} at {}", etcd.revision);
            assert_eq!(
                listed.orphaned_attributes, etcd.watched.orphaned_attributes,
                "seed {seed} at {}",
                etcd.revision
            );
            assert_eq!(
                listed.temporary, etcd.watched.temporary,
                "seed {seed} at {}",
                etcd.revision
            );
            // Otherwise the next external write would be read in two ways.
            for (key, slot) in &listed.slots {
                let watched = &etcd.watched.slots[key];
                let at = etcd.revision;
                assert_eq!(slot.outlasting, watched.outlasting, "seed {seed} at {at}");
            }
            // The last commit stands there as it is cached: or else this would be taken for another etcd.
            for cache in [&listed, &etcd.watched] {
                let Some(last) = &cache.last_commit else {
                    continue;
                };
                let stored = etcd.stored.iter().find(|(stored, _)| *stored == last.key);
                let stored = stored.map(|(_, value)| (value.modified, value.bytes.clone()));
                assert_eq!(last.value, stored, "seed {seed} at {}", etcd.revision);
            }
        }
    }
}

fn stored(text: &str, modified: u64) -> StoredValue {
    StoredValue {
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        version: 1,
        created: modified,
        modified,
    }
}

fn attributes_of(key: &Key) -> EtcdKey {
    EtcdKey::Attributes(EntryName::Key(key.clone()))
}

fn write(key: &Key, sequence: u64, modified: u64) -> [(EtcdKey, StoredValue); 2] {
    let commit = json!({"stamp": {"term": 3, "sequence": sequence}});
    let record = json!({"commit": commit, "attrs": {"flags": 7}}).to_string();
    let value = EtcdKey::Value(EntryName::Key(key.clone()));
    [
        (value, stored("v", modified)),
        (attributes_of(key), stored(&record, modified)),
    ]
}

#[test]
fn last_commit_is_the_same_from_the_watch_and_from_a_full_list() {
    let (a, b) = (Key::user("a"), Key::user("b"));
    let events = |key: &Key, sequence, modified| {
        let writes = write(key, sequence, modified).into_iter();
        let event = |(key, value)| KeyEvent {
            key,
            put: Some(value),
        };
        writes.map(event).collect()
    };
    let last = |cache: &KeyCache| {
        let last = cache.last_commit.clone().unwrap();
        (last.key, last.value.map(|(modified, _)| modified))
    };
    let mut watched = KeyCache::default();
    watched.apply(5, events(&a, 1, 5));
    watched.apply(6, events(&b, 2, 6));
    assert_eq!(last(&watched), (attributes_of(&b), Some(6)));
    let all = [write(&b, 2, 6), write(&a, 1, 5)].into_iter().flatten();
    let (listed, contents) = KeyCache::from_list(1, 6, all.collect());
    assert_eq!(listed.last_commit, watched.last_commit);
    let write_id = |sequence| WriteId { term: 3, sequence };
    assert_eq!(contents.write_ids, HashSet::from([1, 2].map(write_id)));
    let flags = contents
        .entries
        .iter()
        .map(|(_, entry)| entry.attrs().flags);
    assert_eq!(flags.collect::<Vec<_>>(), [7, 7]);
    // An external write deleted it.
    let key = attributes_of(&b);
    watched.apply(7, vec![KeyEvent { key, put: None }]);
    assert_eq!(last(&watched), (attributes_of(&b), None));
    watched.apply(8, events(&a, 3, 8));
    assert_eq!(last(&watched), (attributes_of(&a), Some(8)));
}

#[test]
fn external_write_keeps_the_access_list_and_is_another_version() {
    let key = Key::user("k");
    let value = || EtcdKey::Value(EntryName::Key(key.clone()));
    let acl = json!([{"perms": 1, "scheme": "digest", "id": "u:x"}]);
    // As an import left it, with versions: five writes before.
    let attrs = json!({"flags": 7, "version": 5, "bound": "00000000-0000-0000-0000-000000000002",
        "znode": {"acl": acl, "aversion": 1, "null": 5, "data": {"version": 5, "revision": 3}, "imported_version": 5}});
    let mut etcd = Etcd::default();
    etcd.write(vec![
        (value(), Some(String::new())),
        (
            attributes_of(&key),
            Some(json!({"attrs": attrs}).to_string()),
        ),
    ]);
    assert_eq!(etcd.entries[&key].data(), None);
    etcd.write(vec![(value(), Some("by hand".to_owned()))]);
    etcd.write(vec![(value(), Some(String::new()))]);
    let entry = &etcd.entries[&key];
    let attrs = entry.attrs();
    assert_eq!(attrs.access().unwrap().entries()[0].id, "u:x");
    assert_eq!((attrs.version, attrs.aversion(), attrs.flags), (7, 1, 0));
    assert!(attrs.bound.is_some());
    assert_eq!((entry.data(), entry.data_index()), (Some(&Bytes::new()), 3));
    assert!(etcd.watched.orphaned_attributes.is_empty());
    // With the value, its attributes go; another value is open to all.
    etcd.write(vec![(value(), None)]);
    assert!(etcd.watched.orphaned_attributes.contains(&key));
    etcd.write(vec![(value(), Some("new".to_owned()))]);
    assert_eq!(etcd.entries[&key].attrs().access(), None);
}
