//! From objects as they change to entries as they change.
//!
//! The order in which the API server tells changes decides: a write whose write id is of an earlier term than the lead's
//! is void, a journal takes effect if its guards hold where it stands, and a change without a new write id is somebody
//! else's and counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::slot::{Known, Slot, State};
use crate::model::{Cause, Change, Commit, Entry, Key, Revision};
use crate::store::kubernetes::codec::decode::{
    entry, known, read_journal, read_lead, state_of, unreadable,
};
use crate::store::kubernetes::codec::journal;
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::object::Object;
use crate::store::kubernetes::definition::resource::SpecWriteId;
use crate::store::shared::election::record::LeaderRecord;
use crate::store::shared::log::LogEvent;
use crate::store::shared::watch_cache::known::Unsettled;

/// Every object, and every entry.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// An index is a resourceVersion and this.
    pub(crate) offset: u64,
    /// The last resourceVersion that was told.
    pub(crate) version: u64,
    pub(crate) lead: Option<Lead>,
    /// What has the name of the lead's record and cannot be read as one: whoever leads next replaces it.
    pub(crate) unreadable: Option<Known>,
    /// The term in force, though somebody may have taken the lead's record away.
    term: u64,
    pub(crate) slots: HashMap<String, Slot>,
    /// Transactions that happened and are not written to their entries' objects yet, by their revision.
    pub(crate) journals: BTreeMap<u64, Begun>,
    /// Journals that did not happen, or are not needed any more: name, uid and version.
    pub(crate) spent: BTreeMap<String, (String, u64)>,
    /// Objects that stand for no entry although they should.
    pub(crate) misfits: BTreeSet<String>,
    /// Objects that are to go, or to be written anew: tombstones, and what is void.
    pub(crate) chores: BTreeSet<String>,
}

/// The lead's record as an object.
#[derive(Debug)]
pub(crate) struct Lead {
    pub(crate) record: LeaderRecord,
    pub(crate) uid: String,
    pub(crate) version: u64,
    pub(crate) generation: i64,
    pub(crate) kept: Map<String, Value>,
    /// It was told with the write id it was written with.
    pub(crate) stamped: bool,
}

impl Lead {
    /// Its object, as what is written over.
    pub(crate) fn known(&self) -> Known {
        Known {
            uid: self.uid.clone(),
            version: self.version,
            generation: self.generation,
            kept: self.kept.clone(),
            write_id: None,
            step: None,
            state: State::Live,
        }
    }
}

/// What the last record of the lead said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Past {
    offset: u64,
    term: u64,
}

/// A transaction that happened.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) version: u64,
    pub(crate) commit: Arc<Commit>,
    /// The names whose objects are not written yet, and the change in the commit that each is about.
    pub(crate) steps: BTreeMap<String, usize>,
    /// Every name it is about.
    about: BTreeSet<String>,
}

impl Begun {
    pub(crate) fn is_about(&self, name: &str) -> bool {
        self.about.contains(name)
    }
}

/// Something that was told.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The object is so from now on.
    Is(Object),
    /// The object is gone, at its version.
    Gone(Object),
    /// Nothing more happened up to this version.
    Bookmark(u64),
}

impl Unsettled for Objects {
    fn is_unsettled(&self) -> bool {
        !(self.journals.is_empty() && self.spent.is_empty() && self.chores.is_empty())
    }
}

impl Objects {
    /// The index of the last thing told.
    pub(crate) fn index(&self) -> u64 {
        self.version + self.offset
    }

    /// Takes in something that happened; says what it means.
    pub(crate) fn take(&mut self, event: Event) -> LogEvent {
        match event {
            Event::Bookmark(version) => {
                self.version = self.version.max(version);
                LogEvent::Progress(self.index())
            }
            Event::Is(object) => {
                self.version = object.version;
                if object.name == name::of(&LeaderRecord::key()) {
                    return self.take_lead(&object);
                }
                match object.key() {
                    Ok(key) if journal::is_journal(&key) => self.take_journal(&object),
                    key => self.take_entry(&object, key),
                }
            }
            Event::Gone(object) => {
                self.version = object.version;
                self.remove(&object)
            }
        }
    }

    /// What a list holds, before its objects are taken in. What the lead's record said before counts where somebody took
    /// it away.
    pub(crate) fn listed(version: u64, lead: Option<Lead>, before: Past) -> Self {
        let record = lead.as_ref().map(|lead| &lead.record);
        Self {
            offset: record.map_or(before.offset, |record| record.offset),
            term: record.map_or(before.term, |record| record.term),
            version,
            lead,
            ..Self::default()
        }
    }

    /// What is to be known of the lead when all is listed anew.
    pub(crate) fn past(&self) -> Past {
        Past {
            offset: self.offset,
            term: self.term,
        }
    }

    fn take_lead(&mut self, object: &Object) -> LogEvent {
        self.lead = read_lead(object);
        self.unreadable = self.lead.is_none().then(|| unreadable(object));
        if let Some(lead) = &self.lead {
            self.term = self.term.max(lead.record.term);
        }
        LogEvent::Leader {
            record: self.lead.as_ref().map(|lead| lead.record.clone()),
            revision: self.index(),
        }
    }

    fn take_journal(&mut self, object: &Object) -> LogEvent {
        let known = self
            .journals
            .values_mut()
            .find(|begun| begun.name == object.name);
        if let Some(begun) = known {
            begun.version = object.version;
            return LogEvent::Progress(self.index());
        }
        if let Some(spent) = self.spent.get_mut(&object.name) {
            spent.1 = object.version;
            return LogEvent::Progress(self.index());
        }
        let write_id = object.written_by();
        let Some(write_id) = write_id.filter(|write_id| write_id.term >= self.term) else {
            self.spend(object);
            return match write_id {
                Some(_too_late) => LogEvent::Stale(self.index()),
                None => LogEvent::Progress(self.index()),
            };
        };
        let at = self.index();
        if let Some(commit) = self.judge(object, at) {
            let commit = self.begin(object, commit, |_| false);
            let write_id = Some(write_id.name());
            LogEvent::Commit { commit, write_id }
        } else {
            self.spend(object);
            LogEvent::Refused(write_id.name())
        }
    }

    /// The commit that a journal is, if every guard holds.
    fn judge(&self, object: &Object, at: u64) -> Option<Commit> {
        let journal = read_journal(object)?;
        let holds = |(key, guard): (Key, Option<Revision>)| {
            let now = self.entry_of(&key).map(|entry| entry.modified);
            if now != guard {
                tracing::debug!(at, %key, ?guard, ?now, "a transaction came too late");
            }
            now == guard
        };
        if !journal.guards(at)?.into_iter().all(holds) {
            return None;
        }
        journal.commit(at, |key| self.entry_of(key).cloned())
    }

    /// The entry that is shown for a key.
    pub(crate) fn entry_of(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.slots.get(&name::of(key))?.entry()
    }

    /// A transaction happens here. Of what it changes, some may be overtaken.
    pub(crate) fn begin(
        &mut self,
        object: &Object,
        mut commit: Commit,
        is_past: impl Fn(&Change) -> bool,
    ) -> Arc<Commit> {
        let names = commit.changes.iter().map(|change| name::of(&change.key));
        let about = names.collect();
        commit.changes.retain(|change| !is_past(change));
        let commit = Arc::new(commit);
        let mut steps = BTreeMap::new();
        for (at, change) in commit.changes.iter().enumerate() {
            let name = name::of(&change.key);
            self.show(&name, &change.key, change.now.clone());
            steps.insert(name, at);
        }
        let begun = Begun {
            name: object.name.clone(),
            uid: object.uid.clone(),
            version: object.version,
            commit: Arc::clone(&commit),
            about,
            steps,
        };
        self.journals.insert(commit.revision, begun);
        commit
    }

    pub(crate) fn spend(&mut self, object: &Object) {
        let what = (object.uid.clone(), object.version);
        self.spent.insert(object.name.clone(), what);
    }

    /// A journal that was to be removed is not there any more.
    pub(crate) fn is_gone(&mut self, name: &str, uid: &str) {
        if self.spent.get(name).is_some_and(|(known, _)| known == uid) {
            self.spent.remove(name);
        }
        self.journals
            .retain(|_, begun| begun.uid != uid || !begun.steps.is_empty());
    }

    /// Steps of transactions that were to write this object are overtaken.
    fn supersede(&mut self, name: &str) {
        for begun in self.journals.values_mut() {
            begun.steps.remove(name);
        }
    }

    fn show(&mut self, name: &str, key: &Key, now: Option<Arc<Entry>>) {
        let slot = self.slots.entry(name.to_owned()).or_default();
        slot.shown = now.map(|entry| (key.clone(), entry));
        if slot.is_empty() {
            self.slots.remove(name);
        }
    }

    fn take_entry(&mut self, object: &Object, key: Result<Key, String>) -> LogEvent {
        let at = self.index();
        let term = self.term;
        let slot = self.slots.entry(object.name.clone()).or_default();
        let was = slot.object.as_ref();
        let fresh = object
            .written_by()
            .filter(|write_id| was.and_then(|was| was.write_id) != Some(*write_id));
        // Somebody changed the metadata alone of something that does not stand at its own revision.
        let same = fresh.is_none()
            && was.is_some_and(|was| was.generation == object.generation && was.step.is_some())
            && was.map(|was| was.state) == Some(state_of(object, &key));
        let late = fresh.is_some_and(|write_id| write_id.term < term);
        let void = late
            || was
                .is_some_and(|was| was.state == State::Void && was.generation == object.generation);
        let state = if void {
            State::Void
        } else {
            state_of(object, &key)
        };
        let key = match key {
            Ok(key) => Some(key),
            Err(_) => slot.shown.as_ref().map(|(key, _)| key.clone()),
        };
        slot.object = Some(known(object, state));
        self.note(object, state);
        let step = fresh.filter(|_| object.is_step());
        if late {
            return LogEvent::Stale(at);
        }
        if void || same {
            return LogEvent::Progress(at);
        }
        if step.is_some() {
            // The transaction was told already.
            self.step_done(object);
            return LogEvent::Progress(at);
        }
        self.supersede(&object.name);
        let Some(key) = key else {
            return LogEvent::Progress(at);
        };
        let before = self.slots.get(&object.name).and_then(Slot::entry).cloned();
        let now = (state == State::Live)
            .then(|| entry(object, at, before.as_deref(), fresh.is_some()))
            .flatten();
        self.changed(object, &key, before, now, fresh)
    }

    fn changed(
        &mut self,
        object: &Object,
        key: &Key,
        before: Option<Arc<Entry>>,
        now: Option<Arc<Entry>>,
        fresh: Option<SpecWriteId>,
    ) -> LogEvent {
        let at = self.index();
        if before.is_none() && now.is_none() {
            return match fresh {
                Some(write_id) => LogEvent::Refused(write_id.name()),
                None => LogEvent::Progress(at),
            };
        }
        self.show(&object.name, key, now.clone());
        let written = if now.is_some() {
            Cause::Set
        } else {
            Cause::Delete
        };
        let (cause, subject) = match (&object.spec, fresh) {
            (Ok(spec), Some(_)) => (spec.cause.into(), spec.subject.as_ref().map(Key::user)),
            _ => (written, None),
        };
        let change = Change {
            key: key.clone(),
            now,
            before,
        };
        LogEvent::Commit {
            commit: Arc::new(Commit {
                revision: at,
                cause,
                subject,
                changes: vec![change],
            }),
            write_id: fresh.map(SpecWriteId::name),
        }
    }

    /// Those before it are overtaken, and were needed until now: whoever loads judges each by what the ones before it
    /// did.
    fn step_done(&mut self, object: &Object) {
        let Some(step) = object.step() else {
            return;
        };
        for (_, begun) in self.journals.range_mut(..=step.revision) {
            begun.steps.remove(&object.name);
        }
    }

    /// Whether a transaction after this revision is still to write an object.
    pub(crate) fn is_written_later(&self, name: &str, revision: u64) -> bool {
        let mut later = self.journals.range(revision.saturating_add(1)..);
        later.any(|(_, begun)| begun.steps.contains_key(name))
    }

    fn remove(&mut self, object: &Object) -> LogEvent {
        let at = self.index();
        if let Some(there) = &self.unreadable
            && there.uid == object.uid
        {
            self.unreadable = None;
        }
        if self
            .lead
            .as_ref()
            .is_some_and(|lead| lead.uid == object.uid)
        {
            self.lead = None;
            return LogEvent::Leader {
                record: None,
                revision: at,
            };
        }
        self.spent.remove(&object.name);
        self.misfits.remove(&object.name);
        self.chores.remove(&object.name);
        self.journals
            .retain(|_, begun| begun.uid != object.uid || !begun.steps.is_empty());
        let Some(slot) = self.slots.get_mut(&object.name) else {
            return LogEvent::Progress(at);
        };
        let state = slot.object.take().map(|was| was.state);
        if slot.is_empty() {
            self.slots.remove(&object.name);
            return LogEvent::Progress(at);
        }
        // What a transaction shows and has not written yet is not what was deleted; but a live object was.
        let waits = self
            .journals
            .values()
            .any(|begun| begun.steps.contains_key(&object.name));
        if waits && state != Some(State::Live) {
            return LogEvent::Progress(at);
        }
        self.supersede(&object.name);
        match self
            .slots
            .get_mut(&object.name)
            .and_then(|slot| slot.shown.take())
        {
            Some((key, before)) => self.changed(object, &key, Some(before), None, None),
            None => LogEvent::Progress(at),
        }
    }

    pub(crate) fn note(&mut self, object: &Object, state: State) {
        if matches!(state, State::Tombstone | State::Void) {
            self.chores.insert(object.name.clone());
        } else {
            self.chores.remove(&object.name);
        }
        if state != State::Misfit {
            self.misfits.remove(&object.name);
        } else if self.misfits.insert(object.name.clone()) {
            let why = object
                .key()
                .map(|_| ())
                .and_then(|()| object.record().map(|_| ()));
            let why = why.err().unwrap_or_default();
            tracing::error!(
                object = object.name,
                why,
                "this object stands for no entry and is left out"
            );
        }
    }
}
