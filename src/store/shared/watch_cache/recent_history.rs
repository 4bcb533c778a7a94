//! The recent history of a shared log: commits, deletions and gaps, from which a keyspace starts when this gateway leads.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::model::{Commit, Key};
use crate::store::{DeletionQueue, Gap};

/// Commits kept: as many as etcd v2 keeps events.
const COMMITS: usize = 1_000;

/// The weight of the commits in bytes above which fewer are kept.
const BYTES: usize = 64 << 20;

/// Gaps kept; above this number the oldest two are merged.
const GAPS: usize = 32;

/// The last commits and deletions, and the gaps in which the watch lost changes.
#[derive(Debug, Default)]
pub(super) struct RecentHistory {
    commits: VecDeque<Arc<Commit>>,
    weight: usize,
    floor: u64,
    /// Every deletion in the order of revisions, of keys written again too.
    in_order: DeletionQueue,
    /// The last deletion of each key that is gone.
    deletions: HashMap<Key, u64>,
    deletions_floor: u64,
    gaps: Vec<Gap>,
    /// The end of the last gap, be it empty.
    gap_end: u64,
}

impl RecentHistory {
    /// A history that begins after this revision.
    pub(super) fn after(revision: u64) -> Self {
        Self {
            floor: revision,
            deletions_floor: revision,
            ..Self::default()
        }
    }

    /// Adds the next commit.
    pub(super) fn push(&mut self, commit: &Arc<Commit>) {
        self.weight += commit.weight();
        self.commits.push_back(Arc::clone(commit));
        while (self.commits.len() > COMMITS || self.weight > BYTES)
            && let Some(oldest) = self.commits.pop_front()
        {
            self.weight = self.weight.saturating_sub(oldest.weight());
            self.floor = oldest.revision;
        }
        for change in &commit.changes {
            if change.now.is_some() {
                self.deletions.remove(&change.key);
            } else {
                self.deletions.insert(change.key.clone(), commit.revision);
            }
        }
        self.in_order.push(commit);
        for (revision, key) in self.in_order.take_excess() {
            if self.deletions.get(&key) == Some(&revision) {
                self.deletions.remove(&key);
            }
            self.deletions_floor = revision;
        }
    }

    /// Records a gap: the watch lost the changes between these revisions.
    pub(super) fn push_gap(&mut self, from: u64, to: u64) {
        self.commits.clear();
        self.weight = 0;
        self.floor = to;
        self.gap_end = self.gap_end.max(to);
        if to <= from {
            return;
        }
        self.gaps.push(Gap { from, to });
        if self.gaps.len() > GAPS {
            let oldest = self.gaps.remove(0);
            if let Some(next) = self.gaps.first_mut() {
                next.from = oldest.from;
            }
        }
    }

    /// Every commit after this revision is in [`RecentHistory::commits`].
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// The commits kept, oldest first.
    pub(super) fn commits(&self) -> Vec<Arc<Commit>> {
        self.commits.iter().map(Arc::clone).collect()
    }

    /// Every deletion after this revision is in [`RecentHistory::deletions`], but for those in gaps.
    pub(super) fn deletions_floor(&self) -> u64 {
        self.deletions_floor
    }

    /// The gaps, oldest first.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        self.gaps.clone()
    }

    /// The last revision at which a key may have been deleted without a trace here, or with another revision.
    pub(super) fn index_floor(&self) -> u64 {
        self.deletions_floor.max(self.gap_end)
    }

    /// Drops deletions of keys that were written since. A keyspace opens with the rest, and forgets when this does.
    pub(super) fn drop_overwritten(&mut self) {
        let Self {
            in_order,
            deletions,
            ..
        } = self;
        in_order.retain(|revision, key| deletions.get(key) == Some(&revision));
    }

    /// The keys that are gone, and the revisions of their deletions.
    pub(super) fn deletions(&self) -> Vec<(Key, u64)> {
        let deletions = self.deletions.iter();
        deletions
            .map(|(key, revision)| (key.clone(), *revision))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Change};

    #[test]
    fn forgotten_commits_and_deletions_raise_their_floors() {
        let mut history = RecentHistory::after(10);
        for revision in 11..=1_020 {
            let change = Change {
                key: Key::user(revision.to_string()),
                now: None,
                before: None,
            };
            history.push(&Arc::new(Commit {
                revision,
                cause: Cause::Delete,
                subject: None,
                changes: vec![change],
            }));
        }
        assert_eq!((history.floor(), history.commits().len()), (20, 1_000));
        assert_eq!(
            (history.deletions_floor(), history.deletions().len()),
            (10, 1_010)
        );
    }

    #[test]
    fn key_written_again_is_no_deletion() {
        let mut history = RecentHistory::after(10);
        let key = Key::user("k");
        let entry = Arc::new(crate::model::Entry {
            record: crate::model::Record::default(),
            modified: crate::model::Revision::new(12, 0),
        });
        let changes = [(11, None), (12, Some(entry)), (13, None)];
        for (revision, now) in changes {
            let change = Change {
                key: key.clone(),
                now,
                before: None,
            };
            history.push(&Arc::new(Commit {
                revision,
                cause: Cause::Set,
                subject: None,
                changes: vec![change],
            }));
        }
        history.drop_overwritten();
        let expected = DeletionQueue::new(&[(key, 13)]);
        assert_eq!(history.in_order, expected);
    }

    #[test]
    fn oldest_gaps_are_merged() {
        let mut history = RecentHistory::after(10);
        for time in 1..=100 {
            history.push_gap(time * 100, time * 100 + 50);
        }
        history.push_gap(20_000, 20_000);
        assert_eq!(history.gaps().len(), GAPS);
        assert_eq!(history.index_floor(), 20_000);
        let (from, to) = (100, 6_950);
        assert_eq!(history.gaps().first(), Some(&Gap { from, to }));
        let (from, to) = (10_000, 10_050);
        assert_eq!(history.gaps().last(), Some(&Gap { from, to }));
    }
}
