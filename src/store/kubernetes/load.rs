//! From a list of objects to the entries there are.

use std::collections::HashSet;

use super::journal;
use super::name;
use super::object::Object;
use super::objects::{Lead, Objects, Past};
use super::reading::{entry, known, read_journal, read_lead, state_of};
use super::resource::SpecStamp;
use super::slot::{Slot, State};
use crate::model::Key;
use crate::store::shared::log::Loaded;
use crate::store::shared::record::{LeadRecord, Stamp};

/// An object that a gateway wrote after another had taken the lead, by the looks of it.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) object: Object,
    /// The resourceVersion at which the other took the lead: what the object was then, it still counts as.
    pub(super) fence: u64,
}

/// A list, taken in.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) objects: Objects,
    pub(super) suspects: Vec<Suspect>,
    journals: Vec<Object>,
}

impl Listed {
    /// Takes in every object there is at a resourceVersion; `before` is what was known of the lead.
    pub(super) fn new(version: u64, list: Vec<Object>, before: Past) -> Self {
        let own = name::of(&LeadRecord::key());
        let lead = list
            .iter()
            .find(|object| object.name == own)
            .and_then(read_lead);
        let mut listed = Self {
            objects: Objects::listed(version, lead, before),
            suspects: Vec::new(),
            journals: Vec::new(),
        };
        for object in list {
            if object.name == own {
                continue;
            }
            match object.key() {
                Ok(key) if journal::is_journal(&key) => listed.journals.push(object),
                key => listed.take(object, &key),
            }
        }
        listed
    }

    fn fence(&self, object: &Object) -> Option<u64> {
        let Lead {
            record, version, ..
        } = self.objects.lead.as_ref()?;
        let offset = self.objects.offset;
        let stamp = object.written_by()?;
        let fence = record.fence_after(stamp.term, version + offset)?;
        (fence < object.version + offset).then(|| fence.saturating_sub(offset))
    }

    fn take(&mut self, object: Object, key: &Result<Key, String>) {
        if let Some(fence) = self.fence(&object) {
            self.suspects.push(Suspect { object, fence });
            return;
        }
        self.place(&object, key);
    }

    fn place(&mut self, object: &Object, key: &Result<Key, String>) {
        let state = state_of(object, key);
        self.objects.note(object, state);
        let at = object.version + self.objects.offset;
        let live = key.as_ref().ok().filter(|_| state == State::Live);
        let shown = live.and_then(|key| Some((key.clone(), entry(object, at, None, true)?)));
        let slot = Slot {
            object: Some(known(object, state)),
            shown,
        };
        self.objects.slots.insert(object.name.clone(), slot);
    }

    /// Settles a suspect by what it was at the fence; by what it is, where that is forgotten.
    pub(super) fn settle(&mut self, suspect: &Suspect, then: Result<Option<Object>, ()>) {
        let object = &suspect.object;
        let key = object.key();
        let Ok(then) = then else {
            tracing::error!(
                object = object.name,
                "a gateway that did not lead may have written this; what it was before is forgotten"
            );
            return self.place(object, &key);
        };
        let same = |then: &Object| then.written_by() == object.written_by();
        if then.as_ref().is_some_and(same) {
            return self.place(object, &key);
        }
        match then {
            Some(then) => self.place(&then, &then.key()),
            None => drop(self.objects.slots.remove(&object.name)),
        }
        let slot = self.objects.slots.entry(object.name.clone()).or_default();
        slot.object = Some(known(object, State::Void));
        self.objects.note(object, State::Void);
    }

    /// Lets the transactions happen that did, in their order, as far as nothing has overtaken them.
    pub(super) fn finish(mut self) -> Objects {
        self.journals.sort_unstable_by_key(|object| object.version);
        for object in std::mem::take(&mut self.journals) {
            let at = object.version + self.objects.offset;
            if object.written_by().is_none()
                || self.fence(&object).is_some()
                || !self.happened(&object, at)
            {
                self.objects.spend(&object);
                continue;
            }
            let Some(journal) = read_journal(&object) else {
                self.objects.spend(&object);
                continue;
            };
            let Some(mut commit) = journal.commit(at, |key| self.objects.entry_of(key).cloned())
            else {
                self.objects.spend(&object);
                continue;
            };
            let guards = journal.guards(at).unwrap_or_default();
            let guards: Vec<_> = guards
                .into_iter()
                .map(|(_, guard)| guard.is_some())
                .collect();
            let mut guards = guards.into_iter();
            commit.changes.retain(|change| {
                let existed = guards.next().unwrap_or_default();
                !self.is_past(&change.key, at, existed)
            });
            let _commit = self.objects.begin(&object, commit);
        }
        self.objects
    }

    /// Whether an object says more than a transaction does: it was written by it, or after it.
    fn is_past(&self, key: &Key, at: u64, existed: bool) -> bool {
        let object = self
            .objects
            .slots
            .get(&name::of(key))
            .and_then(|slot| slot.object.as_ref());
        match object {
            // It is not there any more, or not yet.
            None => existed,
            Some(object) if object.state == State::Void => false,
            // A step stands where its transaction does.
            Some(object) => object.step.unwrap_or(object.version + self.objects.offset) >= at,
        }
    }

    /// Whether a journal's guards held where it stands, as far as that can be told still.
    fn happened(&self, object: &Object, at: u64) -> bool {
        let Some(guards) = read_journal(object).and_then(|journal| journal.guards(at)) else {
            return false;
        };
        guards.into_iter().all(|(key, guard)| {
            let now = self.objects.entry_of(&key).map(|entry| entry.modified);
            now == guard || self.is_past(&key, at, guard.is_some())
        })
    }
}

/// What a follower is to begin with.
pub(super) fn loaded(objects: &Objects) -> Loaded {
    let stamps = objects
        .slots
        .values()
        .filter_map(|slot| slot.object.as_ref()?.stamp);
    let stamps: HashSet<Stamp> = stamps.map(SpecStamp::name).collect();
    let entries = objects.slots.values().filter_map(|slot| slot.shown.clone());
    let offset = objects.offset;
    Loaded {
        revision: objects.index(),
        entries: entries.collect(),
        lead: objects
            .lead
            .as_ref()
            .map(|lead| (lead.record.clone(), lead.version + offset)),
        stamps,
    }
}
