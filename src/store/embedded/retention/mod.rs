//! Retention: the records that may be trimmed, which are those that a later commit made obsolete, once that commit is
//! at or below the history floor.

use std::collections::{HashMap, VecDeque};

use crate::model::{Key, Revision};
use crate::store::KeyHash;
use crate::store::RetentionFloors;

/// A change, reduced to what retention needs.
#[derive(Debug)]
pub(super) struct AppliedChange<'a> {
    /// The key, or `None` for a commit without changes.
    pub(super) key: Option<&'a Key>,
    /// The revision of the change.
    pub(super) at: Revision,
    /// The revision of the entry that was replaced.
    pub(super) before: Option<Revision>,
    /// Whether the change left an entry at the key.
    pub(super) put: bool,
}

/// One step of trimming: the records to remove, and the floors that hold once they are removed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TrimStep {
    /// The records.
    pub(super) remove: Vec<Revision>,
    /// As in [`crate::store::StoreContents::history_floor`].
    pub(super) history_floor: u64,
    /// As in [`crate::store::StoreContents::deletions_floor`].
    pub(super) deletions_floor: u64,
}

/// The records that are not live entries, and the floors that decide which of them may be trimmed.
#[derive(Debug, Default)]
pub(super) struct Retention {
    history_floor: u64,
    deletions_floor: u64,
    requested: Option<RetentionFloors>,
    /// The commits above the history floor, oldest first, and the records that each made obsolete.
    commits: VecDeque<(u64, Vec<Revision>)>,
    /// The deletion record of every deleted key, as far back as deletions are kept.
    deleted: HashMap<Key, Revision, KeyHash>,
    /// The same, oldest first, and those of keys that were written or deleted again.
    deleted_in_order: VecDeque<(Revision, Key)>,
}

impl Retention {
    /// Starts at these floors.
    pub(super) fn new(history_floor: u64, deletions_floor: u64) -> Self {
        Self {
            history_floor,
            deletions_floor,
            ..Self::default()
        }
    }

    /// The deleted keys, with the main revision of each deletion.
    pub(super) fn deletions(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.deleted.iter().map(|(key, at)| (key, at.main))
    }

    /// The deletion record of a deleted key.
    pub(super) fn deletion(&self, key: &Key) -> Option<Revision> {
        self.deleted.get(key).copied()
    }

    /// Records a change. Changes come in the order of revisions.
    pub(super) fn apply(&mut self, change: &AppliedChange<'_>) {
        let deletion = change.key.map_or(Some(change.at), |key| {
            if change.put {
                self.deleted.remove(key)
            } else {
                self.deleted_in_order.push_back((change.at, key.clone()));
                self.deleted.insert(key.clone(), change.at)
            }
        });
        if change.at.main <= self.history_floor {
            return;
        }
        let obsolete = change.before.into_iter().chain(deletion);
        match self.commits.back_mut() {
            Some((main, records)) if *main == change.at.main => records.extend(obsolete),
            Some(_) | None => {
                let commit = (change.at.main, obsolete.collect());
                self.commits.push_back(commit);
            }
        }
    }

    /// Raises the floors that trimming may reach. They never fall.
    pub(super) fn raise_floors(&mut self, floors: RetentionFloors) {
        let requested = self.requested.get_or_insert(floors);
        requested.history_floor = requested.history_floor.max(floors.history_floor);
        requested.deletions_floor = requested.deletions_floor.max(floors.deletions_floor);
    }

    /// The next step: whole commits until they hold about `most` records. `None` when nothing is left to trim.
    pub(super) fn next_step(&mut self, most: usize) -> Option<TrimStep> {
        let requested = self.requested?;
        let before = (self.history_floor, self.deletions_floor);
        let mut remove = Vec::new();
        // The newest commit stays: it holds the store's revision and digest.
        while self.commits.len() > 1 && remove.len() < most {
            let Some((main, obsolete)) = self.commits.pop_front() else {
                break;
            };
            if main > requested.history_floor {
                self.commits.push_front((main, obsolete));
                break;
            }
            self.history_floor = main;
            remove.extend(obsolete);
        }
        // A deletion's record is needed for as long as its commit is in the history.
        let floor = requested.deletions_floor.min(self.history_floor);
        while let Some((deleted, key)) = self.deleted_in_order.pop_front() {
            if deleted.main > floor {
                self.deleted_in_order.push_front((deleted, key));
                break;
            }
            self.deletions_floor = deleted.main;
            if self.deleted.get(&key) != Some(&deleted) {
                // The commit that wrote or deleted the key again made its record obsolete.
                continue;
            }
            self.deleted.remove(&key);
            remove.push(deleted);
            if remove.len() >= most {
                return Some(self.trim(remove));
            }
        }
        self.deletions_floor = self.deletions_floor.max(floor);
        (before != (self.history_floor, self.deletions_floor)).then(|| self.trim(remove))
    }

    fn trim(&self, remove: Vec<Revision>) -> TrimStep {
        TrimStep {
            remove,
            history_floor: self.history_floor,
            deletions_floor: self.deletions_floor,
        }
    }
}

#[cfg(test)]
mod tests;
