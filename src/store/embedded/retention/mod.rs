//! Which records may go: those that a later commit made obsolete, once that commit is below the history's floor.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::model::{Key, Revision};
use crate::store::RetentionFloors;

/// A change, as far as retention is concerned.
#[derive(Debug)]
pub(super) struct Happened<'a> {
    /// The key, or `None` for a commit without changes.
    pub(super) key: Option<&'a Key>,
    /// Where it stands on the line.
    pub(super) at: Revision,
    /// The revision of the entry it replaced.
    pub(super) before: Option<Revision>,
    /// Whether the key has an entry from here on.
    pub(super) put: bool,
}

/// Records to delete, and the floors that hold once they are gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trim {
    /// The records.
    pub(super) remove: Vec<Revision>,
    /// As in [`crate::store::StoreContents::history_floor`].
    pub(super) history_floor: u64,
    /// As in [`crate::store::StoreContents::deletions_floor`].
    pub(super) deletions_floor: u64,
}

/// Keeps account of the records that are not live entries.
#[derive(Debug, Default)]
pub(super) struct Retention {
    history_floor: u64,
    deletions_floor: u64,
    wanted: Option<RetentionFloors>,
    /// The commits above the floor, oldest first, and the records that may go with each.
    commits: VecDeque<(u64, Vec<Revision>)>,
    /// The deletion record of every key that is gone, as far back as they are kept.
    gone: HashMap<Key, Revision>,
    gone_in_order: BTreeMap<Revision, Key>,
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

    /// When keys that are gone were deleted.
    pub(super) fn deletions(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.gone.iter().map(|(key, at)| (key, at.main))
    }

    /// The deletion record of a key that is gone.
    pub(super) fn deletion(&self, key: &Key) -> Option<Revision> {
        self.gone.get(key).copied()
    }

    /// Takes note of a change. Changes come in the order of revisions.
    pub(super) fn note(&mut self, happened: &Happened<'_>) {
        let mut obsolete: Vec<Revision> = happened.before.into_iter().collect();
        match happened.key {
            Some(key) => {
                if let Some(deleted) = self.gone.remove(key) {
                    self.gone_in_order.remove(&deleted);
                    obsolete.push(deleted);
                }
                if !happened.put {
                    self.gone.insert(key.clone(), happened.at);
                    self.gone_in_order.insert(happened.at, key.clone());
                }
            }
            None => obsolete.push(happened.at),
        }
        if happened.at.main <= self.history_floor {
            return;
        }
        match self.commits.back_mut() {
            Some((main, records)) if *main == happened.at.main => records.extend(obsolete),
            Some(_) | None => self.commits.push_back((happened.at.main, obsolete)),
        }
    }

    /// Says what is still wanted. Floors never go back.
    pub(super) fn want(&mut self, keep: RetentionFloors) {
        let wanted = self.wanted.get_or_insert(keep);
        wanted.history_floor = wanted.history_floor.max(keep.history_floor);
        wanted.deletions_floor = wanted.deletions_floor.max(keep.deletions_floor);
    }

    /// The next records to delete: whole commits until there are about `most` records. `None` when there is nothing
    /// to do.
    pub(super) fn next(&mut self, most: usize) -> Option<Trim> {
        let wanted = self.wanted?;
        let before = (self.history_floor, self.deletions_floor);
        let mut remove = Vec::new();
        // The newest commit stays: it holds the revision and the state of the store.
        while self.commits.len() > 1 && remove.len() < most {
            let Some((main, obsolete)) = self.commits.pop_front() else {
                break;
            };
            if main > wanted.history_floor {
                self.commits.push_front((main, obsolete));
                break;
            }
            self.history_floor = main;
            remove.extend(obsolete);
        }
        // A deletion is part of the history for as long as its commit is.
        let floor = wanted.deletions_floor.min(self.history_floor);
        while let Some(first) = self.gone_in_order.first_entry() {
            if first.key().main > floor {
                break;
            }
            let (deleted, key) = first.remove_entry();
            self.gone.remove(&key);
            self.deletions_floor = deleted.main;
            remove.push(deleted);
            if remove.len() >= most {
                return Some(self.trim(remove));
            }
        }
        self.deletions_floor = self.deletions_floor.max(floor);
        (before != (self.history_floor, self.deletions_floor)).then(|| self.trim(remove))
    }

    fn trim(&self, remove: Vec<Revision>) -> Trim {
        Trim {
            remove,
            history_floor: self.history_floor,
            deletions_floor: self.deletions_floor,
        }
    }
}

#[cfg(test)]
mod tests;
