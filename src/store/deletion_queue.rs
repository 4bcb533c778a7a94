//! Deletion queue: the remembered deletions, oldest first, so that the oldest are forgotten first.

use std::collections::VecDeque;

use crate::model::{Commit, Key};

/// Deletions remembered; above this number the older half is forgotten.
pub(crate) const MAX_DELETIONS: usize = 1 << 17;

/// Deletions in the order of revisions, also those of keys that were written again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeletionQueue(VecDeque<(u64, Key)>);

impl DeletionQueue {
    /// A queue of these deletions, in any order.
    #[cfg(test)]
    pub(crate) fn new(deletions: &[(Key, u64)]) -> Self {
        let mut queue: Vec<_> = deletions
            .iter()
            .map(|(key, revision)| (*revision, key.clone()))
            .collect();
        queue.sort_unstable();
        Self(queue.into())
    }

    /// Adds the deletions of the next commit.
    pub(crate) fn push(&mut self, commit: &Commit) {
        let kept = commit.deleted_keys();
        self.0
            .extend(kept.map(|key| (commit.revision, key.clone())));
    }

    /// Takes out the older half where there are too many. A map of deletions by key must forget those that are still the last of
    /// their key; the floor is the revision of the last one taken.
    pub(crate) fn take_excess(&mut self) -> impl Iterator<Item = (u64, Key)> {
        self.0.drain(..excess_deletions(self.0.len()))
    }

    /// Drops the deletions for which `keeps` is false.
    pub(crate) fn retain(&mut self, mut keeps: impl FnMut(u64, &Key) -> bool) {
        self.0.retain(|(revision, key)| keeps(*revision, key));
    }
}

/// How many of so many deletions are forgotten.
pub(crate) fn excess_deletions(deletions: usize) -> usize {
    if deletions > MAX_DELETIONS {
        deletions - MAX_DELETIONS / 2
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Change};

    fn deletions(revision: u64, count: usize) -> Commit {
        let change = |at| Change {
            key: Key::user(format!("{at}")),
            before: None,
            now: None,
        };
        Commit {
            revision,
            cause: Cause::Delete,
            subject: None,
            changes: (0..count).map(change).collect(),
        }
    }

    #[test]
    fn the_older_half_is_taken_out_only_where_there_are_too_many() {
        let mut queue = DeletionQueue::new(&[(Key::user("b"), 2), (Key::user("a"), 1)]);
        queue.push(&deletions(3, MAX_DELETIONS - 2));
        assert_eq!(queue.take_excess().count(), 0);
        queue.push(&deletions(4, 1));
        let taken: Vec<_> = queue.take_excess().collect();
        assert_eq!(taken.len(), MAX_DELETIONS / 2 + 1);
        assert_eq!(taken[0], (1, Key::user("a")));
        assert_eq!(taken[1], (2, Key::user("b")));
        queue.retain(|revision, _| revision == 4);
        queue.push(&deletions(5, MAX_DELETIONS));
        assert_eq!(queue.take_excess().next().unwrap().0, 4);
    }
}
