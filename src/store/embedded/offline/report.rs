//! The report of a check or a backup.

use serde::Serialize;

use crate::store::embedded::recovery::RecoveredStore;

/// The contents of a store in numbers, and its problems.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoreReport {
    /// The last revision.
    pub revision: u64,
    /// The store's identity.
    pub identity: u64,
    /// The number of entries.
    pub entries: u64,
    /// The number of commits in the history.
    pub commits: u64,
    /// Every commit after this revision is in the history.
    pub history_floor: u64,
    /// The number of remembered deletions of keys that have no entry.
    pub deletions: u64,
    /// Every deletion after this revision is remembered.
    pub deletions_floor: u64,
    /// The number of directories in the last checkpoint of their counts.
    pub directories: u64,
    /// The last commit counted in that checkpoint; 0 where there is none.
    pub directories_revision: u64,
    /// Whether the counts of directories are exact: no commit after the checkpoint is missing in the history. They are not
    /// after an older version has written to the store, until another checkpoint is made.
    pub directories_exact: bool,
    /// The number of records that were read and verified.
    pub records: u64,
    /// Bytes of an unfinished commit. As at any start, they were cut off.
    pub cut_bytes: u64,
    /// Damage and contradictions, one line each. Empty in a sound store.
    pub problems: Vec<String>,
}

impl StoreReport {
    pub(super) fn new(store: &RecoveredStore) -> Self {
        let contents = &store.loaded.contents;
        let checkpoint = contents.directories.clone().unwrap_or_default();
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        Self {
            revision: contents.revision,
            identity: contents.identity,
            entries: count(contents.entries.len()),
            commits: count(contents.history.len()),
            history_floor: contents.history_floor,
            deletions: count(contents.deletions.len()),
            deletions_floor: contents.deletions_floor,
            directories: count(checkpoint.directories.len()),
            directories_revision: checkpoint.revision,
            directories_exact: checkpoint.revision >= contents.history_floor,
            records: store.loaded.records,
            cut_bytes: store.cut_bytes,
            problems: store.loaded.problems.clone(),
        }
    }
}
