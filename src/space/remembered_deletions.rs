//! `RememberedDeletions`: which deletions a snapshot remembers, oldest first, so that the oldest are forgotten first.

use std::collections::VecDeque;

use super::deletions::{DeletedBlock, Deletions};
use crate::model::{Commit, Key};
use crate::store::excess_deletions;

/// The deletions, besides as many as a commit has of its own, that a commit takes out of the snapshot when they are forgotten.
/// To take out all of the older half at once would hold up whoever writes next.
const AT_ONCE: usize = 512;

/// Deletions in the order of revisions, also those of keys that were written again.
#[derive(Debug, Default)]
pub(crate) struct RememberedDeletions {
    queue: VecDeque<Remembered>,
    /// How many there are.
    count: usize,
    /// Forgotten ones that are still in the snapshot. They are below its floor, so nothing shows them.
    leaving: VecDeque<(u64, Key)>,
}

#[derive(Debug)]
enum Remembered {
    Key(u64, Key),
    /// A block of so many.
    Block(u64, usize),
}

impl RememberedDeletions {
    /// Begins with these deletions, in any order.
    pub(crate) fn new(deletions: &[(Key, u64)]) -> Self {
        let mut all: Vec<_> = deletions
            .iter()
            .map(|(key, revision)| (*revision, key.clone()))
            .collect();
        all.sort_unstable();
        let queue = all
            .into_iter()
            .map(|(revision, key)| Remembered::Key(revision, key));
        Self {
            queue: queue.collect(),
            count: deletions.len(),
            leaving: VecDeque::new(),
        }
    }

    /// How many of so many deletions of one commit would be forgotten at once, were they remembered.
    pub(crate) fn forgets(&self, deletions: usize) -> usize {
        excess_deletions(self.count + deletions).saturating_sub(self.count)
    }

    /// Adds what a commit deleted, but for so many, for which all that there were are forgotten; and forgets the oldest where
    /// there are too many.
    pub(crate) fn push(
        &mut self,
        commit: &Commit,
        forgotten: usize,
        (deletions, floor): (&mut Deletions, &mut u64),
    ) {
        if forgotten > 0 {
            self.clear();
        }
        let before = self.count;
        for key in commit.deleted_keys().skip(forgotten) {
            self.queue
                .push_back(Remembered::Key(commit.revision, key.clone()));
            self.count += 1;
        }
        let own = self.count - before;
        self.forget_oldest(own, (deletions, floor));
    }

    /// As [`Self::push`], of a block of one commit.
    pub(crate) fn push_block(
        &mut self,
        block: DeletedBlock,
        (deletions, floor): (&mut Deletions, &mut u64),
    ) {
        if block.forgotten > 0 {
            self.clear();
            *deletions = Deletions::default();
            *floor = block.revision;
        }
        let count = block.keys.len().saturating_sub(block.forgotten);
        self.queue
            .push_back(Remembered::Block(block.revision, count));
        self.count += count;
        deletions.push(block);
        self.forget_oldest(0, (deletions, floor));
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn forget_oldest(&mut self, own: usize, (deletions, floor): (&mut Deletions, &mut u64)) {
        let mut excess = excess_deletions(self.count);
        while excess > 0
            && let Some(oldest) = self.queue.pop_front()
        {
            let (revision, count) = match oldest {
                Remembered::Key(revision, key) => {
                    self.leaving.push_back((revision, key));
                    (revision, 1)
                }
                Remembered::Block(revision, count) => {
                    // Not by the floor: of the last block a part may be above it.
                    deletions.forget_blocks(revision);
                    (revision, count)
                }
            };
            *floor = revision;
            self.count = self.count.saturating_sub(count);
            excess = excess.saturating_sub(count);
        }
        let most = self.leaving.len().min(AT_ONCE + 2 * own);
        for (revision, key) in self.leaving.drain(..most) {
            deletions.forget(&key, revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Change};
    use crate::store::MAX_DELETIONS;

    fn deletions(revision: u64, count: usize) -> Commit {
        let change = |at| Change {
            key: Key::user(format!("{revision}/{at:06}")),
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

    /// Remembers what commits delete, as an applier does.
    #[derive(Default)]
    struct Fixture {
        remembered: RememberedDeletions,
        deletions: Deletions,
        floor: u64,
    }

    impl Fixture {
        fn delete(&mut self, revision: u64, count: usize) {
            let commit = deletions(revision, count);
            let forgotten = self.remembered.forgets(count);
            if forgotten > 0 {
                self.deletions = Deletions::default();
                self.floor = revision;
            }
            for key in commit.deleted_keys().skip(forgotten) {
                self.deletions.insert(key.clone(), revision);
            }
            let into = (&mut self.deletions, &mut self.floor);
            self.remembered.push(&commit, forgotten, into);
        }

        fn delete_block(&mut self, revision: u64, count: usize) {
            let commit = deletions(revision, count);
            let block = DeletedBlock {
                revision,
                keys: commit.deleted_keys().cloned().collect(),
                forgotten: self.remembered.forgets(count),
            };
            let into = (&mut self.deletions, &mut self.floor);
            self.remembered.push_block(block, into);
        }

        fn knows(&self, revision: u64, at: usize) -> bool {
            let key = Key::user(format!("{revision}/{at:06}"));
            self.deletions.get(&key) == Some(revision)
        }
    }

    #[test]
    fn the_older_half_is_forgotten_and_leaves_in_steps() {
        let mut fixture = Fixture::default();
        fixture.delete(1, MAX_DELETIONS / 2);
        fixture.delete(2, MAX_DELETIONS / 2);
        assert_eq!(fixture.floor, 0);
        fixture.delete(3, 1);
        assert_eq!(fixture.floor, 2, "one of the second commit is forgotten");
        assert!(fixture.knows(3, 0) && fixture.knows(2, 1));
        assert!(!fixture.knows(1, 0) && fixture.knows(1, 2 * AT_ONCE));
        for revision in 4..200 {
            fixture.delete(revision, 1);
        }
        assert!(fixture.remembered.leaving.is_empty());
        assert!(!fixture.knows(1, MAX_DELETIONS / 2 - 1) && fixture.knows(4, 0));
        assert_eq!(fixture.floor, 2);
    }

    #[test]
    fn a_commit_of_more_than_are_remembered_leaves_its_last_alone() {
        for is_block in [false, true] {
            let mut fixture = Fixture::default();
            fixture.delete(1, 10);
            let count = MAX_DELETIONS + 1;
            if is_block {
                fixture.delete_block(2, count);
            } else {
                fixture.delete(2, count);
            }
            assert_eq!(fixture.floor, 2);
            assert!(!fixture.knows(1, 9) && !fixture.knows(2, 0));
            assert!(fixture.knows(2, count - 1) && fixture.knows(2, count - MAX_DELETIONS / 2));
            assert!(!fixture.knows(2, count - MAX_DELETIONS / 2 - 1));
            assert_eq!(fixture.remembered.count, MAX_DELETIONS / 2);
        }
    }

    #[test]
    fn a_block_is_forgotten_whole() {
        let mut fixture = Fixture::default();
        fixture.delete_block(1, MAX_DELETIONS / 2);
        fixture.delete_block(2, MAX_DELETIONS / 2);
        assert!(fixture.knows(1, 0) && fixture.floor == 0);
        fixture.delete(3, 1);
        assert!(!fixture.knows(1, 0) && !fixture.knows(2, 0) && fixture.knows(3, 0));
        assert_eq!((fixture.floor, fixture.remembered.count), (2, 1));
    }
}
