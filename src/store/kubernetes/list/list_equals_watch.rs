//! A list comes to the same entries as the changes that led there, whatever gateways that lead no more have on its way.
//!
//! An API server of a few objects, and gateways that lead one after the other. What they send stays on its way for as long
//! as chance will have it, and arrives in any order. After each change everything is listed, and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::reconstruct::Listed;
use crate::model::{Entry, Key, Proposal, Record, Revision, Target, Write};
use crate::store::kubernetes::cache::object_cache::{Event, Lead, Objects, Past};
use crate::store::kubernetes::cleanup::tasks::{Chore, chores};
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::object::Object;
use crate::store::kubernetes::definition::resource::EntrySpec;
use crate::store::kubernetes::send::requests::{self, Request};
use crate::store::shared::election::record::{Fence, LeaderRecord};
use crate::store::shared::write_ids::WriteId;
use crate::store::shared::write_ids::WriteIds;

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

/// What is on its way, and the term of whoever sent it.
enum Sent {
    Write(Request, u64),
    Chore(Chore, u64),
}

/// What objects were and are.
#[derive(Default)]
struct Server {
    version: u64,
    uids: u64,
    now: BTreeMap<String, Object>,
    /// By version: the object of a name from then on.
    past: Vec<(u64, String, Option<Object>)>,
}

impl Server {
    fn put(&mut self, request: &Request) -> Option<Object> {
        let there = self.now.get(&request.name);
        if there.map(|there| there.version) != request.replaced {
            return None;
        }
        self.uids += 1;
        let (uid, generation) = there.map_or((format!("u{}", self.uids), 1), |there| {
            (there.uid.clone(), there.generation + 1)
        });
        self.version += 1;
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        let object = json!({
            "metadata": {"name": request.name, "uid": uid, "generation": generation,
                "resourceVersion": self.version.to_string()},
            "spec": sent["spec"],
        });
        let object = Object::read(&object.to_string()).unwrap();
        self.now.insert(request.name.clone(), object.clone());
        self.note(&request.name, Some(object.clone()));
        Some(object)
    }

    fn remove(&mut self, name: &str, uid: &str, version: u64) -> Option<Object> {
        let there = self.now.get(name)?;
        if there.uid != uid || there.version != version {
            return None;
        }
        let mut gone = self.now.remove(name)?;
        self.version += 1;
        gone.version = self.version;
        self.note(name, None);
        Some(gone)
    }

    fn note(&mut self, name: &str, object: Option<Object>) {
        self.past.push((self.version, name.to_owned(), object));
    }

    fn then(&self, name: &str, version: u64) -> Option<Object> {
        let mut past = self.past.iter().rev();
        let is_then = |(at, of, _): &&(u64, String, Option<Object>)| *at <= version && of == name;
        past.find(is_then)?.2.clone()
    }

    /// The entries as of a version, by a list.
    fn list(&self, version: u64) -> Objects {
        let names: BTreeSet<_> = self.past.iter().map(|(_, name, _)| name).collect();
        let list = names.into_iter();
        let list = list.filter_map(|name| self.then(name, version));
        let mut listed = Listed::new(version, list.collect(), Past::default());
        while let Some(suspect) = listed.suspects.pop() {
            let then = self.then(&suspect.now.name, suspect.fence);
            listed.settle(suspect, Ok(then));
        }
        listed.finish()
    }

    /// What happened after a version.
    fn since(&self, version: u64) -> Vec<Event> {
        let mut events = Vec::new();
        for (at, name, object) in &self.past {
            if *at <= version {
                continue;
            }
            let gone = || {
                let mut gone = self.then(name, at - 1).unwrap();
                gone.version = *at;
                Event::Gone(gone)
            };
            let is = |object: &Object| Event::Is(object.clone());
            events.push(object.as_ref().map_or_else(gone, is));
        }
        events
    }
}

/// The gateway that leads.
struct Leader {
    term: u64,
    objects: Objects,
    write_ids: WriteIds,
    /// Keys it waits for.
    busy: BTreeSet<&'static str>,
}

struct Play {
    random: fastrand::Rng,
    server: Server,
    /// Told of everything from the beginning.
    truth: Objects,
    leader: Leader,
    sent: Vec<Sent>,
    values: u64,
    told: Vec<String>,
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut play = Self {
            random: fastrand::Rng::with_seed(seed),
            server: Server::default(),
            truth: Objects::listed(0, None, Past::default()),
            leader: Leader {
                term: 0,
                objects: Objects::listed(0, None, Past::default()),
                write_ids: WriteIds::default(),
                busy: BTreeSet::new(),
            },
            sent: Vec::new(),
            values: 0,
            told: Vec::new(),
        };
        play.take_over();
        play
    }

    fn happened(&mut self, event: Event) {
        self.truth.take(event.clone());
        self.leader.objects.take(event);
    }

    fn write_lead(&mut self, record: &LeaderRecord) {
        let write_id = WriteId {
            term: record.term,
            sequence: record.beat,
        };
        let there = self.truth.lead.as_ref().map(Lead::known);
        let request = requests::lead_request(record, write_id, there.as_ref()).unwrap();
        let object = self.server.put(&request).unwrap();
        self.happened(Event::Is(object));
    }

    /// Another gateway leads, that has listed everything a while ago, or was told of it from the beginning.
    fn take_over(&mut self) {
        let mut record = LeaderRecord::default();
        if let Some(lead) = &self.truth.lead {
            record.fences.clone_from(&lead.record.fences);
            record.term = lead.record.term;
            if lead.record.beat == 0 {
                record.note_fence(Fence {
                    term: lead.record.term,
                    revision: lead.version,
                });
            }
        }
        record.term += 1;
        let began = match self.random.u8(..3) {
            0 => 0,
            1 => self.server.version,
            _ => self.server.version.saturating_sub(self.random.u64(..30)),
        };
        let mut objects = self.server.list(began);
        for event in self.server.since(began) {
            objects.take(event);
        }
        let write_ids = WriteIds::default();
        write_ids.enter(record.term);
        self.told.push(format!(
            "term {} after {}, having listed {began}",
            record.term, self.server.version
        ));
        self.leader = Leader {
            term: record.term,
            objects,
            write_ids,
            busy: BTreeSet::new(),
        };
        self.write_lead(&record);
    }

    fn beat(&mut self) {
        let lead = self.truth.lead.as_ref().unwrap();
        let mut record = lead.record.clone();
        if record.beat == 0 {
            record.note_fence(Fence {
                term: record.term,
                revision: lead.version,
            });
        }
        record.beat += 1;
        self.write_lead(&record);
    }

    fn entry(&self, key: &Key) -> Option<Arc<Entry>> {
        self.leader.objects.entry_of(key).cloned()
    }

    fn record(&mut self, before: Option<&Entry>) -> Record {
        self.values += 1;
        let mut record = before.map_or_else(Record::default, |before| before.record.clone());
        if before.is_none() || self.random.u8(..4) > 0 {
            record.value = self.values.to_string().into();
        }
        record.attrs.flags = self.values;
        record
    }

    /// The leader writes some keys of which it awaits nothing.
    fn write(&mut self) {
        let mut free: Vec<_> = KEYS
            .into_iter()
            .filter(|key| !self.leader.busy.contains(key))
            .collect();
        self.random.shuffle(&mut free);
        free.truncate(self.random.usize(1..=3));
        let mut writes = Vec::new();
        for name in free {
            let key = Key::user(name);
            let before = self.entry(&key);
            let deletes = before.is_some() && self.random.u8(..3) == 0;
            let put = (!deletes).then(|| self.record(before.as_deref()));
            let target = Target::Key(key);
            writes.push(Write {
                target,
                before,
                put,
            });
            self.leader.busy.insert(name);
        }
        let Some(write_id) = self.leader.write_ids.next() else {
            return;
        };
        let request = match writes.as_slice() {
            [] => return,
            [write] => {
                let Target::Key(key) = &write.target else {
                    return;
                };
                let slot = self.leader.objects.slots.get(&name::of(key));
                let there = slot.and_then(|slot| slot.object.as_ref());
                let spec: EntrySpec = requests::spec(key, write.put.as_ref());
                Request::new(key, spec, Some(write_id), there)
            }
            _ => {
                let proposal = Proposal {
                    writes,
                    ..Proposal::default()
                };
                requests::journal(write_id, &proposal).unwrap()
            }
        };
        self.told.push(format!("sends {}", sent(&request)));
        self.sent.push(Sent::Write(request, self.leader.term));
    }

    /// The leader clears up, if nothing of that is on its way.
    fn clear_up(&mut self) {
        let term = self.leader.term;
        let waits = |sent: &Sent| matches!(sent, Sent::Chore(_, of) if *of == term);
        if self.sent.iter().any(waits) {
            return;
        }
        for chore in chores(&self.leader.objects, &self.leader.write_ids) {
            self.sent.push(Sent::Chore(chore, term));
        }
    }

    /// Something arrives, or never will.
    fn arrive(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        let sent = self.sent.swap_remove(self.random.usize(..self.sent.len()));
        let term = self.leader.term;
        if self.random.u8(..20) == 0 {
            return;
        }
        let event = match &sent {
            Sent::Write(request, _) | Sent::Chore(Chore::Write(request), _) => {
                self.server.put(request).map(Event::Is)
            }
            Sent::Chore(Chore::Remove { name, uid, version }, _) => {
                self.server.remove(name, uid, *version).map(Event::Gone)
            }
        };
        if let Some(event) = event {
            self.told.push(format!("{event:?}"));
            self.happened(event);
        }
        if matches!(sent, Sent::Write(_, of) if of == term) {
            // It knows what became of one of its writes; which keys it may write again is not worth a list.
            let mut left = self.sent.iter();
            let left = left.any(|sent| matches!(sent, Sent::Write(_, of) if *of == term));
            if !left {
                self.leader.busy.clear();
            }
        }
    }

    fn compare(&self, seed: u64) {
        let listed = self.server.list(self.server.version);
        for key in KEYS.map(Key::user) {
            let shown = |objects: &Objects| -> Option<(Revision, Record)> {
                let entry = objects.entry_of(&key)?;
                Some((entry.modified, entry.record.clone()))
            };
            for (who, objects) in [("a list", &listed), ("the leader", &self.leader.objects)] {
                assert_eq!(
                    shown(objects),
                    shown(&self.truth),
                    "seed {seed}: {key} by {who}, not as it was told:\n{}",
                    self.told.join("\n")
                );
            }
        }
    }
}

fn sent(request: &Request) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    format!(
        "{} for {:?}: {}",
        request.name, request.replaced, body["spec"]
    )
}

#[test]
fn a_list_comes_to_the_same_as_what_was_told() {
    for seed in 0..60 {
        let mut play = Play::new(seed);
        for _ in 0..80 {
            match play.random.u8(..32) {
                0 => play.take_over(),
                1..=3 => play.beat(),
                4..=9 => play.write(),
                10..=12 => play.clear_up(),
                _ => play.arrive(),
            }
            play.compare(seed);
        }
    }
}
