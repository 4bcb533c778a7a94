//! Loading: a store's contents rebuilt from its records, with every contradiction among them reported as a problem.

use std::collections::HashMap;
use std::sync::Arc;

use super::record::{
    self, ChangeEffect, ChangeRecord, CommitHeader, EntriesDigest, METADATA_KEY, Metadata,
    RecordError, Seal,
};
use super::retention::{AppliedChange, Retention};
use crate::model::{Change, Commit, Entry, Key, Revision};
use crate::store::StoreContents;

/// The most problems that are listed one by one.
const MOST_PROBLEMS: usize = 100;

/// A store rebuilt from its records.
#[derive(Debug, Default)]
pub(super) struct LoadedStore {
    /// The contents that the keyspace opens with.
    pub(super) contents: StoreContents,
    /// The digest of the entries.
    pub(super) digest: EntriesDigest,
    /// The records that may be trimmed.
    pub(super) retention: Retention,
    /// The number of records read.
    pub(super) records: u64,
    /// The newest record format found that this build does not support.
    pub(super) newer: Option<u8>,
    /// Contradictions and unreadable records, one line each. Empty in a sound store.
    pub(super) problems: Vec<String>,
}

impl LoadedStore {
    /// The store's metadata, as they are.
    pub(super) fn metadata(&self) -> Metadata {
        Metadata {
            identity: self.contents.identity,
            history_floor: self.contents.history_floor,
            deletions_floor: self.contents.deletions_floor,
            is_partial: self.retention.is_partial(),
        }
    }
}

/// Rebuilds a store from records taken in the order of table keys.
#[derive(Debug, Default)]
pub(super) struct Loader {
    seal: Seal,
    metadata: Option<Metadata>,
    live: HashMap<Key, Arc<Entry>>,
    history: Vec<Arc<Commit>>,
    /// The records that the commit at the history floor made obsolete and that are left.
    partial: Vec<Revision>,
    /// The commit being assembled, and the header from its first record.
    open: Option<(Commit, Option<CommitHeader>)>,
    revision: u64,
    digest: EntriesDigest,
    retention: Retention,
    records: u64,
    newer: Option<u8>,
    problems: Vec<String>,
}

impl Loader {
    /// Accepts records with this seal only.
    pub(super) fn new(seal: Seal) -> Self {
        Self {
            seal,
            ..Self::default()
        }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) {
        self.records += 1;
        if key == METADATA_KEY {
            match record::read_metadata(self.seal, value) {
                Ok(metadata) => {
                    self.retention =
                        Retention::new(metadata.history_floor, metadata.deletions_floor);
                    self.metadata = Some(metadata);
                }
                Err(e) => self.unreadable("of the metadata", &e),
            }
            return;
        }
        match record::read_change(self.seal, key, value) {
            Ok(change) => self.apply(change),
            Err(e) => {
                let name = record::revision_of_key(key)
                    .map_or_else(|_| key.escape_ascii().to_string(), |at| at.to_string());
                self.unreadable(&name, &e);
            }
        }
    }

    fn unreadable(&mut self, record: &str, error: &RecordError) {
        if let RecordError::Newer(format) = error {
            self.newer = self.newer.max(Some(*format));
        }
        self.problem(format!("record {record}: {error}"));
    }

    /// Notes a contradiction.
    pub(super) fn problem(&mut self, line: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(line);
        }
    }

    /// Closes the last commit and returns the rebuilt store.
    pub(super) fn finish(mut self) -> LoadedStore {
        self.close_commit();
        if self.metadata.is_none() {
            self.problem("the metadata record is missing".to_owned());
        }
        let metadata = self.metadata.unwrap_or_default();
        self.retention.go_on_with(std::mem::take(&mut self.partial));
        if self.revision < metadata.history_floor {
            self.problem(format!(
                "history was trimmed up to {}, but the last commit is {}",
                metadata.history_floor, self.revision
            ));
        }
        let deletions = self.retention.deletions();
        let contents = StoreContents {
            revision: self.revision,
            identity: metadata.identity,
            deletions: deletions.map(|(key, at)| (key.clone(), at)).collect(),
            entries: self.live.into_iter().collect(),
            history: self.history,
            history_floor: metadata.history_floor,
            deletions_floor: metadata.deletions_floor,
            gaps: Vec::new(),
            index_floor: 0,
            directories: None,
        };
        LoadedStore {
            contents,
            digest: self.digest,
            retention: self.retention,
            records: self.records,
            newer: self.newer,
            problems: self.problems,
        }
    }

    fn floor(&self) -> u64 {
        self.metadata.map_or(0, |metadata| metadata.history_floor)
    }

    fn apply(&mut self, change: ChangeRecord) {
        let ChangeRecord {
            at,
            effect,
            before,
            commit_header,
        } = change;
        if at.main != self.revision || self.open.is_none() {
            self.open_commit(at, commit_header);
        } else if commit_header.is_some() {
            self.problem(format!("record {at}: begins its commit a second time"));
        }
        let (key, now) = match effect {
            ChangeEffect::Put(key, entry) => (key, Some(entry)),
            ChangeEffect::Delete(key) => (key, None),
            ChangeEffect::Nothing => {
                self.retention.apply(&AppliedChange {
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
        self.retention.apply(&AppliedChange {
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

    /// Applies a change to the entries, and returns the entry that was there before.
    fn replace(&mut self, key: &Key, now: Option<&Arc<Entry>>, at: Revision) -> Option<Arc<Entry>> {
        let previous = match now {
            Some(entry) => self.live.insert(key.clone(), Arc::clone(entry)),
            None => self.live.remove(key),
        };
        let before = previous.as_ref().map(|entry| entry.modified);
        self.digest.apply(key, before, now.map(|_| at));
        previous
    }

    /// Above the history floor a record replaces exactly the revision it names; at or below it, the replaced record was
    /// trimmed.
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
            let may_be_left = |own: &Metadata| own.is_partial && own.history_floor == at.main;
            let may_be_left = self.metadata.as_ref().is_some_and(may_be_left);
            if let Some(obsolete) = obsolete.filter(|_| may_be_left) {
                self.partial.push(obsolete);
            } else if let Some(obsolete) = obsolete {
                self.problem(format!(
                    "record {obsolete} was replaced by {at} and should have been trimmed"
                ));
            }
        }
    }

    fn open_commit(&mut self, at: Revision, commit_header: Option<CommitHeader>) {
        self.close_commit();
        if at.main > self.floor() {
            let expected = self.revision.max(self.floor()) + 1;
            if at.main != expected {
                self.problem(format!(
                    "commits {expected} to {} are missing",
                    at.main.saturating_sub(1)
                ));
            }
            if commit_header.is_none() {
                self.problem(format!("commit {} lacks its beginning", at.main));
            }
        }
        self.revision = at.main;
        let commit = Commit {
            revision: at.main,
            cause: commit_header
                .as_ref()
                .map(|commit_header| commit_header.cause)
                .unwrap_or_default(),
            subject: commit_header.as_ref().and_then(CommitHeader::subject),
            changes: Vec::new(),
        };
        self.open = Some((commit, commit_header));
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
        let Some((commit, commit_header)) = self.open.take() else {
            return;
        };
        if commit.revision <= self.floor() {
            return;
        }
        if let Some(commit_header) = commit_header {
            if usize::try_from(commit_header.changes).ok() != Some(commit.changes.len()) {
                self.problem(format!(
                    "commit {} has {} of its {} changes",
                    commit.revision,
                    commit.changes.len(),
                    commit_header.changes
                ));
            }
            if commit_header.digest != self.digest {
                self.problem(format!(
                    "after commit {} there were {} entries; the entries found differ ({})",
                    commit.revision, commit_header.digest.entries, self.digest.entries
                ));
            }
        }
        self.history.push(Arc::new(commit));
    }
}

#[cfg(test)]
mod tests;
