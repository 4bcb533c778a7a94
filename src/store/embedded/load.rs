//! Puts the state of a store together again from its records, and notices every contradiction among them.

use std::collections::HashMap;
use std::sync::Arc;

use super::record::{self, ABOUT_KEY, About, Head, RecordError, Seal, State, Step, What};
use super::retention::{Happened, Retention};
use crate::model::{Change, Commit, Entry, Key, Revision};
use crate::store::Opened;

/// The most problems that are told one by one.
const MOST_PROBLEMS: usize = 100;

/// A store as it was read.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// What is handed to the keyspace.
    pub(super) opened: Opened,
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
        let opened = Opened {
            revision: self.revision,
            identity: about.identity,
            deletions: deletions.map(|(key, at)| (key.clone(), at)).collect(),
            entries: self.live.into_iter().collect(),
            history: self.history,
            history_floor: about.history_floor,
            deletions_floor: about.deletions_floor,
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
mod tests {
    use super::*;
    use crate::model::{Cause, Record};
    use crate::store::embedded::record::Row;

    const SEAL: Seal = Seal(5);

    /// The rows of commits 1 to 4, which write one key again and again, and of the store as a whole.
    fn rows() -> Vec<Row> {
        let mut rows = vec![record::about_row(SEAL, &About::default()).unwrap()];
        let key = Key::user("k");
        let mut state = State::default();
        let mut before: Option<Arc<Entry>> = None;
        for revision in 1..=4 {
            let modified = Revision::new(revision, 0);
            let record = Record::default();
            let now = Some(Arc::new(Entry { record, modified }));
            let was = before.as_ref().map(|entry| entry.modified);
            state.apply(&key, was, Some(modified));
            let change = Change {
                key: key.clone(),
                now: now.clone(),
                before: std::mem::replace(&mut before, now),
            };
            let commit = Commit {
                revision,
                cause: Cause::Set,
                subject: None,
                changes: vec![change],
            };
            rows.extend(record::rows(SEAL, &commit, state).unwrap());
        }
        rows
    }

    fn load(rows: &[Row]) -> Loaded {
        let mut loader = Loader::new(SEAL);
        for (key, value) in rows {
            loader.take(key, value);
        }
        loader.finish()
    }

    #[test]
    fn sound_records_are_loaded() {
        let loaded = load(&rows());
        assert_eq!(loaded.problems, Vec::<String>::new());
        assert_eq!(
            (loaded.opened.revision, loaded.opened.history.len()),
            (4, 4)
        );
        assert_eq!((loaded.state.entries, loaded.records), (1, 5));
    }

    #[test]
    fn a_missing_record_is_noticed_wherever_it_was() {
        let all = rows();
        let expected = [
            "the record about the store is missing",
            "commits 1 to 1 are missing",
            "commits 2 to 2 are missing",
            "commits 3 to 3 are missing",
        ];
        for (place, line) in expected.iter().enumerate() {
            let mut rows = all.clone();
            rows.remove(place);
            let problems = load(&rows).problems;
            assert!(
                problems.iter().any(|problem| problem == line),
                "{place}: {problems:?}"
            );
        }
    }

    #[test]
    fn an_entry_that_was_lost_or_came_back_is_noticed() {
        let mut rows = rows();
        // Commits up to 3 are forgotten; 3 itself is the entry that 4 replaced.
        let about = About {
            history_floor: 3,
            ..About::default()
        };
        rows[0] = record::about_row(SEAL, &about).unwrap();
        let kept = [rows[0].clone(), rows[3].clone(), rows[4].clone()];
        assert_eq!(load(&kept).problems, Vec::<String>::new());
        let lost = load(&[rows[0].clone(), rows[4].clone()]).problems;
        assert_eq!(lost, ["record 4.0 replaced 3.0, but nothing was there"]);
        let back = load(&[
            rows[0].clone(),
            rows[2].clone(),
            rows[3].clone(),
            rows[4].clone(),
        ]);
        assert_eq!(
            back.problems,
            ["record 2.0 was replaced by 3.0 and should be gone"]
        );
    }

    /// The digest alone knows of entries that no commit of the history touches.
    #[test]
    fn an_old_entry_that_was_lost_is_noticed() {
        let mut rows = rows();
        let about = About {
            history_floor: 3,
            ..About::default()
        };
        rows[0] = record::about_row(SEAL, &about).unwrap();
        let other = Commit {
            revision: 5,
            cause: Cause::Set,
            subject: None,
            changes: Vec::new(),
        };
        let mut state = State::default();
        state.apply(&Key::user("k"), None, Some(Revision::new(4, 0)));
        state.apply(&Key::user("lost"), None, Some(Revision::new(2, 0)));
        let last = record::rows(SEAL, &other, state).unwrap();
        let kept = [&rows[..1], &rows[3..], &last[..]].concat();
        let expected = "after commit 5 there were 2 entries, but other ones are here (1)";
        assert_eq!(load(&kept).problems, [expected]);
    }

    #[test]
    fn a_record_of_a_newer_format_is_told_from_damage() {
        let mut rows = rows();
        rows[4].1[0] = 9;
        assert_eq!(load(&rows).newer, Some(9));
    }
}
