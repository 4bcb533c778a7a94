//! What is read anew comes to the same entries as the changes that led there, whoever writes what.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::key_cache::{Event, Known};
use crate::model::{Entry, Key};
use crate::store::etcd::encoding::layout::Name;
use crate::store::etcd::encoding::records::{Value, named};
use crate::store::shared::log::LogEvent;

const KEYS: [&str; 3] = ["a", "b", "q/00000000000000000009"];

/// A few keys of an etcd, and what is told of them.
#[derive(Default)]
struct Etcd {
    revision: u64,
    now: Vec<(Name, Value)>,
    told: Known,
    entries: BTreeMap<Key, Arc<Entry>>,
}

impl Etcd {
    /// A transaction: what each key is to be, or that it is to go.
    fn write(&mut self, writes: Vec<(Name, Option<String>)>) {
        self.revision += 1;
        let mut events = Vec::new();
        for (name, put) in writes {
            let was = self.now.iter().position(|(known, _)| *known == name);
            let was = was.map(|at| self.now.swap_remove(at).1);
            let put = put.map(|text| Value {
                bytes: Bytes::from(text),
                version: was.as_ref().map_or(1, |was| was.version + 1),
                created: was.as_ref().map_or(self.revision, |was| was.created),
                modified: self.revision,
            });
            if let Some(value) = &put {
                self.now.push((name.clone(), value.clone()));
            } else if was.is_none() {
                continue;
            }
            events.push(Event { name, put });
        }
        if events.is_empty() {
            self.revision -= 1;
            return;
        }
        for news in self.told.take(self.revision, events) {
            let LogEvent::Commit { commit, .. } = news else {
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

    fn is_there(&self, name: &Name) -> bool {
        self.now.iter().any(|(known, _)| known == name)
    }
}

fn attributes(random: &mut fastrand::Rng, parent: Option<&str>) -> String {
    let commit = json!({"stamp": {"term": 1, "sequence": random.u32(..)}});
    let parent = parent.map(str::as_bytes);
    json!({"parent": parent, "commit": commit, "attrs": {"flags": random.u32(..)}}).to_string()
}

fn step(etcd: &mut Etcd, random: &mut fastrand::Rng) {
    let key = Key::user(KEYS[random.usize(..KEYS.len())]);
    // A gateway waits until it is moved, which takes a fraction of a second.
    if etcd.told.unmoved.values().any(|unmoved| *unmoved == key) {
        return;
    }
    let (value, beside) = (Name::Value(key.clone()), Name::Attributes(key));
    let text = random.u32(..).to_string();
    match random.u8(..9) {
        // A gateway writes, or deletes.
        0..=2 => {
            let attributes = attributes(random, None);
            etcd.write(vec![(value, Some(text)), (beside, Some(attributes))]);
        }
        3 if etcd.is_there(&value) => {
            let commit = r#"{"stamp":{"term":1,"sequence":1}}"#.to_owned();
            etcd.write(vec![
                (value, None),
                (beside, None),
                (Name::Commit, Some(commit)),
            ]);
        }
        // Somebody else does, or leaves something where attributes would be.
        4 => etcd.write(vec![(value, Some(text))]),
        5 => etcd.write(vec![(value, None)]),
        6 if !etcd.is_there(&value) => {
            etcd.write(vec![(beside, [None, Some(text)][random.usize(..2)].take())]);
        }
        // An entry that is named by its revision, and its move.
        7 => {
            let name = format!("1.{text}");
            let attributes = attributes(random, Some("q/"));
            let beside = Name::InOrderAttributes(name.clone());
            etcd.write(vec![
                (Name::InOrder(name), Some(text)),
                (beside, Some(attributes)),
            ]);
        }
        _ => settle(etcd),
    }
}

/// Moves the first entry that does not have its name yet; removes it where its place is taken.
fn settle(etcd: &mut Etcd) {
    let in_order = etcd.now.iter().find_map(|(name, value)| {
        let Name::InOrder(name) = name else {
            return None;
        };
        Some((name.clone(), value.clone()))
    });
    let Some((name, value)) = in_order else {
        return;
    };
    let beside = Name::InOrderAttributes(name.clone());
    let attributes = etcd.now.iter().find(|(known, _)| *known == beside);
    let attributes = attributes.map(|(_, value)| value.bytes.clone()).unwrap();
    let to = named(b"q/", value.modified);
    let mut writes = vec![(Name::InOrder(name.clone()), None), (beside, None)];
    let shown = etcd.told.seen(&to);
    if shown.is_some_and(|seen| seen.unmoved.as_deref() == Some(&name)) {
        let mut attributes: serde_json::Value = serde_json::from_slice(&attributes).unwrap();
        attributes["at"] = value.modified.into();
        attributes["commit"] = serde_json::Value::Null;
        attributes["parent"] = serde_json::Value::Null;
        let text = String::from_utf8(value.bytes.to_vec()).unwrap();
        writes.push((Name::Value(to.clone()), Some(text)));
        writes.push((Name::Attributes(to), Some(attributes.to_string())));
    }
    etcd.write(writes);
}

#[test]
fn what_is_read_comes_to_the_same_as_what_was_told() {
    for seed in 0..400 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut etcd = Etcd::default();
        for _ in 0..40 {
            step(&mut etcd, &mut random);
            let (known, loaded) = Known::load(1, etcd.revision, etcd.now.clone());
            let read: BTreeMap<_, _> = loaded.entries.into_iter().collect();
            let at =
                |entry: &Arc<Entry>| (entry.value().clone(), entry.modified, entry.attrs().flags);
            let of = |entries: &BTreeMap<Key, Arc<Entry>>| -> Vec<_> {
                entries
                    .iter()
                    .map(|(key, entry)| (key.clone(), at(entry)))
                    .collect()
            };
            assert_eq!(
                of(&read),
                of(&etcd.entries),
                "seed {seed} at {}",
                etcd.revision
            );
            assert_eq!(
                known.strays, etcd.told.strays,
                "seed {seed} at {}",
                etcd.revision
            );
            assert_eq!(
                known.unmoved, etcd.told.unmoved,
                "seed {seed} at {}",
                etcd.revision
            );
            // What bears the last name is there as it is known: or else this would be taken for another etcd.
            for known in [&known, &etcd.told] {
                let Some((name, last)) = &known.last else {
                    continue;
                };
                let there = etcd.now.iter().find(|(known, _)| known == name);
                let there = there.map(|(_, value)| (value.modified, value.bytes.clone()));
                assert_eq!(*last, there, "seed {seed} at {}", etcd.revision);
            }
        }
    }
}
