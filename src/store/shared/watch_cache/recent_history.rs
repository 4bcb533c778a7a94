//! What a follower remembers of what is gone, for the term that it may lead.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::model::{Commit, Key};
use crate::store::Gap;

/// Commits kept: as many as etcd v2 keeps events.
const COMMITS: usize = 1_000;

/// Their weight in bytes past which fewer are kept.
const BYTES: usize = 64 << 20;

/// Deletions kept; past this the older half is forgotten.
const DELETIONS: usize = 1 << 17;

/// Gaps kept; past this the oldest two count as one.
const GAPS: usize = 32;

/// The last commits and deletions.
#[derive(Debug, Default)]
pub(in crate::store::shared) struct Past {
    commits: VecDeque<Arc<Commit>>,
    weight: usize,
    floor: u64,
    deleted: VecDeque<(u64, Key)>,
    deletions: HashMap<Key, u64>,
    deletions_floor: u64,
    gaps: Vec<Gap>,
    /// The end of the last gap.
    lost: u64,
}

impl Past {
    /// Nothing is known of what was up to this revision.
    pub(in crate::store::shared) fn from(revision: u64) -> Self {
        Self {
            floor: revision,
            deletions_floor: revision,
            ..Self::default()
        }
    }

    /// Adds what just happened.
    pub(in crate::store::shared) fn push(&mut self, commit: &Arc<Commit>) {
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
                self.deleted
                    .push_back((commit.revision, change.key.clone()));
            }
        }
        if self.deleted.len() > DELETIONS {
            self.forget_deletions();
        }
    }

    fn forget_deletions(&mut self) {
        while self.deleted.len() > DELETIONS / 2
            && let Some((revision, key)) = self.deleted.pop_front()
        {
            if self.deletions.get(&key) == Some(&revision) {
                self.deletions.remove(&key);
            }
            self.deletions_floor = revision;
        }
    }

    /// What happened between these revisions was not told.
    pub(in crate::store::shared) fn lose(&mut self, from: u64, to: u64) {
        self.commits.clear();
        self.weight = 0;
        self.floor = to;
        self.lost = self.lost.max(to);
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

    /// Every commit after this revision is in [`Past::commits`].
    pub(in crate::store::shared) fn floor(&self) -> u64 {
        self.floor
    }

    /// The commits kept, oldest first.
    pub(in crate::store::shared) fn commits(&self) -> Vec<Arc<Commit>> {
        self.commits.iter().map(Arc::clone).collect()
    }

    /// Every deletion after this revision is in [`Past::deletions`], but for those in gaps.
    pub(in crate::store::shared) fn deletions_floor(&self) -> u64 {
        self.deletions_floor
    }

    /// Where it is not.
    pub(in crate::store::shared) fn gaps(&self) -> Vec<Gap> {
        self.gaps.clone()
    }

    /// The last revision at which something may have gone that is not known, or not at its own revision.
    pub(in crate::store::shared) fn index_floor(&self) -> u64 {
        self.deletions_floor.max(self.lost)
    }

    /// Forgets deletions of keys that were written since: what is left is what a keyspace is opened with, and it forgets
    /// when this does.
    pub(in crate::store::shared) fn tidy(&mut self) {
        let Self {
            deleted, deletions, ..
        } = self;
        deleted.retain(|(revision, key)| deletions.get(key) == Some(revision));
    }

    /// When keys that are gone were deleted.
    pub(in crate::store::shared) fn deletions(&self) -> Vec<(Key, u64)> {
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
    fn floors_rise_with_what_is_forgotten() {
        let mut past = Past::from(10);
        for revision in 11..=1_020 {
            let change = Change {
                key: Key::user(revision.to_string()),
                now: None,
                before: None,
            };
            past.push(&Arc::new(Commit {
                revision,
                cause: Cause::Delete,
                subject: None,
                changes: vec![change],
            }));
        }
        assert_eq!((past.floor(), past.commits().len()), (20, 1_000));
        assert_eq!(
            (past.deletions_floor(), past.deletions().len()),
            (10, 1_010)
        );
    }

    #[test]
    fn what_was_written_again_is_no_deletion() {
        let mut past = Past::from(10);
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
            past.push(&Arc::new(Commit {
                revision,
                cause: Cause::Set,
                subject: None,
                changes: vec![change],
            }));
        }
        past.tidy();
        assert_eq!(past.deleted, [(13, key)]);
    }

    #[test]
    fn many_gaps_are_fewer_and_larger() {
        let mut past = Past::from(10);
        for time in 1..=100 {
            past.lose(time * 100, time * 100 + 50);
        }
        past.lose(20_000, 20_000);
        assert_eq!(past.gaps().len(), GAPS);
        assert_eq!(past.index_floor(), 20_000);
        let (from, to) = (100, 6_950);
        assert_eq!(past.gaps().first(), Some(&Gap { from, to }));
        let (from, to) = (10_000, 10_050);
        assert_eq!(past.gaps().last(), Some(&Gap { from, to }));
    }
}
