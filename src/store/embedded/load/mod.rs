//! Puts the state of a store together again from its records, and notices every contradiction among them.

use std::collections::HashMap;
use std::sync::Arc;

use super::record::{self, ABOUT_KEY, About, Head, RecordError, Seal, State, Step, What};
use super::retention::{Happened, Retention};
use crate::model::{Change, Commit, Entry, Key, Revision};
use crate::store::StoreContents;

/// The most problems that are told one by one.
const MOST_PROBLEMS: usize = 100;

/// A store as it was read.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// What is handed to the keyspace.
    pub(super) opened: StoreContents,
    /// The digest of the entries.
    pub(super) state: State,
    /// Which records may go.
    pub(super) retention: Retention,
    /// How many records were read.
    pub(super) records: u64,
    /// A record's format that this build does not know.
    pub(super) newer: Option<u8>,
    /// What contradicts itself, one line each. Empty in a sound store.
    pub(super) problems: Vec<String>,
}

/// Reads records in the order of the table's keys.
#[derive(Debug, Default)]
pub(super) struct Loader {
    seal: Seal,
    about: Option<About>,
    live: HashMap<Key, Arc<Entry>>,
    history: Vec<Arc<Commit>>,
    /// The commit that is being put together, and what its first record said of it.
    open: Option<(Commit, Option<Head>)>,
    revision: u64,
    state: State,
    retention: Retention,
    records: u64,
    newer: Option<u8>,
    problems: Vec<String>,
}

impl Loader {
    /// Reads the records with this seal.
    pub(super) fn new(seal: Seal) -> Self {
        Self {
            seal,
            ..Self::default()
        }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) {
        self.records += 1;
        if key == ABOUT_KEY {
            match record::read_about(self.seal, value) {
                Ok(about) => {
                    self.retention = Retention::new(about.history_floor, about.deletions_floor);
                    self.about = Some(about);
                }
                Err(e) => self.unreadable("about the store", &e),
            }
            return;
        }
        match record::read_change(self.seal, key, value) {
            Ok(step) => self.step(step),
            Err(e) => {
                let place = record::revision_of(key)
                    .map_or_else(|_| key.escape_ascii().to_string(), |at| at.to_string());
                self.unreadable(&place, &e);
            }
        }
    }

    fn unreadable(&mut self, place: &str, error: &RecordError) {
        if let RecordError::Newer(format) = error {
            self.newer = self.newer.max(Some(*format));
        }
        self.problem(format!("record {place}: {error}"));
    }

    /// Notes a contradiction.
    pub(super) fn problem(&mut self, line: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(line);
        }
    }

    /// Closes the last commit and hands over what was read.
    pub(super) fn finish(mut self) -> Loaded {
        self.close_commit();
        if self.about.is_none() {
            self.problem("the record about the store is missing".to_owned());
        }
        let about = self.about.unwrap_or_default();
        if self.revision < about.history_floor {
            self.problem(format!(
                "history is forgotten up to {}, but the last commit is {}",
                about.history_floor, self.revision
            ));
        }
        let deletions = self.retention.deletions();
        let opened = StoreContents {
            revision: self.revision,
            identity: about.identity,
            deletions: deletions.map(|(key, at)| (key.clone(), at)).collect(),
            entries: self.live.into_iter().collect(),
            history: self.history,
            history_floor: about.history_floor,
            deletions_floor: about.deletions_floor,
            gaps: Vec::new(),
            index_floor: 0,
        };
        Loaded {
            opened,
            state: self.state,
            retention: self.retention,
            records: self.records,
            newer: self.newer,
            problems: self.problems,
        }
    }

    fn floor(&self) -> u64 {
        self.about.map_or(0, |about| about.history_floor)
    }

    fn step(&mut self, step: Step) {
        let Step {
            at,
            what,
            before,
            head,
        } = step;
        if at.main != self.revision || self.open.is_none() {
            self.open_commit(at, head);
        } else if head.is_some() {
            self.problem(format!("record {at}: begins its commit a second time"));
        }
        let (key, now) = match what {
            What::Put(key, entry) => (key, Some(entry)),
            What::Delete(key) => (key, None),
            What::Nothing => {
                self.retention.note(&Happened {
                    key: None,
                    at,
                    before: None,
                    put: false,
                });
                return;
            }
        };
        let previous = self.replace(&key, now.as_ref(), at);
        self.check_before(&key, at, before, previous.as_deref());
        self.retention.note(&Happened {
            key: Some(&key),
            at,
            before: previous.as_ref().map(|entry| entry.modified),
            put: now.is_some(),
        });
        self.add_change(
            at,
            Change {
                key,
                now,
                before: previous,
            },
        );
    }

    /// Changes the state, and gives the entry that was there.
    fn replace(&mut self, key: &Key, now: Option<&Arc<Entry>>, at: Revision) -> Option<Arc<Entry>> {
        let previous = match now {
            Some(entry) => self.live.insert(key.clone(), Arc::clone(entry)),
            None => self.live.remove(key),
        };
        let before = previous.as_ref().map(|entry| entry.modified);
        self.state.apply(key, before, now.map(|_| at));
        previous
    }

    /// Above the floor a record replaces just what it says; below it, what was replaced is gone.
    fn check_before(
        &mut self,
        key: &Key,
        at: Revision,
        before: Option<Revision>,
        found: Option<&Entry>,
    ) {
        let found = found.map(|entry| entry.modified);
        if at.main > self.floor() && found != before {
            let name = |at: Option<Revision>| at.map_or("nothing".to_owned(), |at| at.to_string());
            let (before, found) = (name(before), name(found));
            self.problem(format!(
                "record {at} replaced {before}, but {found} was there"
            ));
        }
        if at.main <= self.floor() {
            let obsolete = found.or(self.retention.deletion(key));
            if let Some(obsolete) = obsolete {
                self.problem(format!(
                    "record {obsolete} was replaced by {at} and should be gone"
                ));
            }
        }
    }

    fn open_commit(&mut self, at: Revision, head: Option<Head>) {
        self.close_commit();
        if at.main > self.floor() {
            let expected = self.revision.max(self.floor()) + 1;
            if at.main != expected {
                self.problem(format!(
                    "commits {expected} to {} are missing",
                    at.main.saturating_sub(1)
                ));
            }
            if head.is_none() {
                self.problem(format!("commit {} lacks its beginning", at.main));
            }
        }
        self.revision = at.main;
        let commit = Commit {
            revision: at.main,
            cause: head.as_ref().map(|head| head.cause).unwrap_or_default(),
            subject: head.as_ref().and_then(Head::subject),
            changes: Vec::new(),
        };
        self.open = Some((commit, head));
    }

    fn add_change(&mut self, at: Revision, change: Change) {
        let whole = at.main > self.floor();
        let Some((commit, _)) = &mut self.open else {
            return;
        };
        let expected = commit.changes.len();
        commit.changes.push(change);
        if whole && usize::try_from(at.sub).ok() != Some(expected) {
            self.problem(format!(
                "record {at}: change {expected} of its commit is missing"
            ));
        }
    }

    fn close_commit(&mut self) {
        let Some((commit, head)) = self.open.take() else {
            return;
        };
        if commit.revision <= self.floor() {
            return;
        }
        if let Some(head) = head {
            if usize::try_from(head.changes).ok() != Some(commit.changes.len()) {
                self.problem(format!(
                    "commit {} has {} of its {} changes",
                    commit.revision,
                    commit.changes.len(),
                    head.changes
                ));
            }
            if head.state != self.state {
                self.problem(format!(
                    "after commit {} there were {} entries, but other ones are here ({})",
                    commit.revision, head.state.entries, self.state.entries
                ));
            }
        }
        self.history.push(Arc::new(commit));
    }
}

#[cfg(test)]
mod tests;
