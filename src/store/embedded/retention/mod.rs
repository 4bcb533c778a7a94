//! Retention: the records that may be trimmed, which are those that a later commit made obsolete, once that commit is
//! at or below the history floor.

use std::collections::{HashMap, VecDeque};

use self::ahead::AheadCommits;

use crate::model::{Change, Key, Revision};
use crate::store::KeyHash;
use crate::store::RetentionFloors;

pub(super) use self::ahead::AheadNumber;

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
    /// Whether some records are left that the commit at the history floor made obsolete.
    pub(super) is_partial: bool,
}

/// A commit that made more records obsolete is trimmed in steps, so that nobody waits for all of them.
const MOST_AT_ONCE: usize = 4_096;

/// The records that are not live entries, and the floors that decide which of them may be trimmed.
#[derive(Debug, Default)]
pub(super) struct Retention {
    history_floor: u64,
    deletions_floor: u64,
    requested: Option<RetentionFloors>,
    /// The commits above the history floor, oldest first, and the records that each made obsolete.
    commits: VecDeque<(u64, Vec<Revision>)>,
    /// The records that the commit at the history floor made obsolete and that are left.
    partial: Vec<Revision>,
    /// The deletion record of every deleted key, as far back as deletions are kept.
    deleted: HashMap<Key, Revision, KeyHash>,
    /// The same, oldest first, and those of keys that were written or deleted again.
    deleted_in_order: VecDeque<(Revision, Key)>,
    /// The commits some of whose deletions are among these ahead of their revision.
    ahead: AheadCommits,
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

    /// Goes on with the commit at the history floor, which left these.
    pub(super) fn go_on_with(&mut self, left: Vec<Revision>) {
        self.partial = left;
    }

    /// Whether some records are left that the commit at the history floor made obsolete.
    pub(super) fn is_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// The deleted keys, with the main revision of each deletion.
    pub(super) fn deletions(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.deleted.iter().map(|(key, at)| (key, at.main))
    }

    /// Records deletions of a commit that has no revision yet, each with its place in it.
    pub(super) fn delete_ahead<'c>(
        &mut self,
        number: AheadNumber,
        deletions: impl Iterator<Item = (usize, &'c Change)>,
    ) {
        let mut count = 0;
        for (sub, change) in deletions {
            let at = number.provisional(sub);
            self.deleted_in_order.push_back((at, change.key.clone()));
            self.deleted.insert(change.key.clone(), at);
            count += 1;
        }
        self.ahead.add(number, count);
    }

    /// Gives the deletions of a commit that were recorded ahead its revision, and takes in what it made obsolete.
    pub(super) fn number_ahead(&mut self, number: AheadNumber, main: u64, obsolete: Vec<Revision>) {
        self.ahead.decide(number, Some(main));
        self.commits.push_back((main, obsolete));
    }

    /// Takes back the deletions of a commit that were recorded ahead: it is not made.
    pub(super) fn take_back_ahead<'c>(
        &mut self,
        number: AheadNumber,
        deletions: impl Iterator<Item = &'c Change>,
    ) {
        for change in deletions {
            self.deleted.remove(&change.key);
        }
        self.ahead.decide(number, None);
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
        let deletion = deletion.map(|at| self.ahead.revision(at).unwrap_or(at));
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
        let mut remove = self.next_partial(most);
        // The newest commit stays: it holds the store's revision and digest.
        while self.partial.is_empty() && self.commits.len() > 1 && remove.len() < most {
            let Some((main, obsolete)) = self.commits.pop_front() else {
                break;
            };
            if main > requested.history_floor {
                self.commits.push_front((main, obsolete));
                break;
            }
            self.history_floor = main;
            if obsolete.len() > MOST_AT_ONCE {
                self.partial = obsolete;
                remove.extend(self.next_partial(most));
            } else {
                remove.extend(obsolete);
            }
        }
        if remove.len() >= most {
            return Some(self.trim(remove));
        }
        // A deletion's record is needed for as long as its commit is in the history, and what it deleted is there.
        let is_left = u64::from(!self.partial.is_empty());
        let trimmed = self.history_floor.saturating_sub(is_left);
        let floor = requested.deletions_floor.min(trimmed);
        let mut looked = 0;
        while let Some((at, key)) = self.deleted_in_order.pop_front() {
            // Of a commit that is not made nothing is left, and one that has no revision yet is later than the floor.
            let deleted = self.ahead.revision(at);
            if deleted.is_none_or(|deleted| deleted.main > floor) && !self.ahead.is_void(at) {
                self.deleted_in_order.push_front((at, key));
                break;
            }
            looked += 1;
            self.ahead.forget_one(at);
            let Some(deleted) = deleted else { continue };
            // Those that were recorded ahead can stand before earlier ones.
            self.deletions_floor = self.deletions_floor.max(deleted.main);
            // Otherwise the commit that wrote or deleted the key again made its record obsolete.
            if self.deleted.get(&key) == Some(&at) {
                self.deleted.remove(&key);
                remove.push(deleted);
            }
            if remove.len() >= most || looked >= most.max(MOST_AT_ONCE) {
                return Some(self.trim(remove));
            }
        }
        self.deletions_floor = self.deletions_floor.max(floor);
        let is_step = !remove.is_empty() || before != (self.history_floor, self.deletions_floor);
        is_step.then(|| self.trim(remove))
    }

    /// The next records of a commit that is trimmed in steps.
    fn next_partial(&mut self, most: usize) -> Vec<Revision> {
        let from = self.partial.len().saturating_sub(most);
        self.partial.split_off(from)
    }

    fn trim(&self, remove: Vec<Revision>) -> TrimStep {
        TrimStep {
            remove,
            history_floor: self.history_floor,
            deletions_floor: self.deletions_floor,
            is_partial: !self.partial.is_empty(),
        }
    }
}

mod ahead;
#[cfg(test)]
mod tests;
