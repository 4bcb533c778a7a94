//! History: the last commits, for watches that resume.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::RwLock;

use super::retired::retire;
use crate::model::Commit;

/// Commits kept whatever they weigh, up to [`MAX_BYTES`]: as many as etcd v2 keeps events.
const MIN_COMMITS: usize = 1_000;
/// Commits kept while they are light.
const MAX_COMMITS: usize = 16_384;
/// Past this weight, in bytes, only [`MIN_COMMITS`] are kept.
const SOFT_BYTES: usize = 32 << 20;
/// Past this weight, in bytes, even fewer are kept.
const MAX_BYTES: usize = 256 << 20;
/// A commit of more changes is freed elsewhere, and so are commits that have more together and go at once.
const RETIRED_CHANGES: usize = 4_096;
/// Commits looked at between two times that the lock is taken.
const SLICE: usize = 256;
/// As many changes as are looked at while others wait for that.
const LITTLE: usize = 1_024;

/// The last commits, in order.
#[derive(Debug, Default)]
pub(crate) struct History {
    window: RwLock<Window>,
}

/// Some commits of the past, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastCommits {
    /// The commits.
    pub commits: Vec<Arc<Commit>>,
    /// The revision to go on from; `None` where these are the last.
    pub next: Option<u64>,
}

#[derive(Debug, Default)]
struct Window {
    commits: VecDeque<Arc<Commit>>,
    /// How much memory each of them takes.
    weights: VecDeque<usize>,
    weight: usize,
    /// Every commit after this revision is kept.
    floor: u64,
}

impl History {
    /// Takes over what a store kept.
    pub(crate) fn load(&self, commits: &[Arc<Commit>], floor: u64) {
        let mut window = self.window.write();
        window.floor = floor;
        let mut gone = Vec::new();
        for commit in commits {
            window.push(commit, commit.weight(), &mut gone);
        }
    }

    /// Adds commits that just happened.
    pub(crate) fn push(&self, commits: &[Arc<Commit>]) {
        let mut gone = Vec::new();
        let mut window = self.window.write();
        for commit in commits {
            window.push(commit, commit.weight(), &mut gone);
        }
        drop(window);
        free(gone);
    }

    /// Adds one that takes so much memory, which was found out before.
    pub(crate) fn push_weighed(&self, commit: &Arc<Commit>, weight: usize) {
        let mut gone = Vec::new();
        self.window.write().push(commit, weight, &mut gone);
        free(gone);
    }

    /// Not every commit up to this revision is known.
    pub(crate) fn lose(&self, revision: u64) {
        let mut window = self.window.write();
        window.commits.clear();
        window.weights.clear();
        window.weight = 0;
        window.floor = window.floor.max(revision);
    }

    /// Every commit after this revision is kept.
    pub(crate) fn floor(&self) -> u64 {
        self.window.read().floor
    }

    /// How many commits there are from revision `from` on.
    pub(crate) fn count_from(&self, from: u64) -> usize {
        let window = self.window.read();
        let before = window
            .commits
            .partition_point(|commit| commit.revision < from);
        window.commits.len() - before
    }

    /// Whether there are but a few commits from revision `from` on, with few changes.
    pub(crate) fn is_little_from(&self, from: u64) -> bool {
        self.slice(from, SLICE).is_ok_and(|past| {
            let changes = past.commits.iter().map(|commit| commit.changes.len());
            past.next.is_none() && changes.sum::<usize>() <= LITTLE
        })
    }

    /// At most `most` commits from revision `from` on, or `Err` with the floor where some of those are gone. The lock is held
    /// for as long as it takes to copy pointers to them.
    pub(crate) fn slice(&self, from: u64, most: usize) -> Result<PastCommits, u64> {
        let window = self.window.read();
        if from <= window.floor {
            return Err(window.floor);
        }
        let start = window
            .commits
            .partition_point(|commit| commit.revision < from);
        let mut rest = window.commits.range(start..);
        let commits: Vec<_> = rest.by_ref().take(most).map(Arc::clone).collect();
        let next = rest.next().map(|commit| commit.revision);
        Ok(PastCommits { commits, next })
    }

    /// The first thing that `pick` finds in the commits from revision `from` on, or `Err` with the floor where some of
    /// those are gone. It looks at all of them: see [`History::slice`].
    pub(crate) fn find<T>(
        &self,
        mut from: u64,
        mut pick: impl FnMut(&Arc<Commit>) -> Option<T>,
    ) -> Result<Option<T>, u64> {
        loop {
            let past = self.slice(from, SLICE)?;
            if let Some(found) = past.commits.iter().find_map(&mut pick) {
                return Ok(Some(found));
            }
            match past.next {
                Some(next) => from = next,
                None => return Ok(None),
            }
        }
    }
}

impl Window {
    /// Adds a commit; those that go for its sake are `gone`, unless it is just one.
    fn push(&mut self, commit: &Arc<Commit>, weight: usize, gone: &mut Vec<Arc<Commit>>) {
        self.weight += weight;
        self.weights.push_back(weight);
        self.commits.push_back(Arc::clone(commit));
        while self.too_much()
            && let Some(oldest) = self.commits.pop_front()
        {
            let weight = self.weights.pop_front().unwrap_or_default();
            self.weight = self.weight.saturating_sub(weight);
            self.floor = oldest.revision;
            if oldest.changes.len() > RETIRED_CHANGES {
                retire(oldest);
            } else if self.too_much() {
                gone.push(oldest);
            }
        }
    }

    fn too_much(&self) -> bool {
        let count = self.commits.len();
        count > MAX_COMMITS
            || (count > MIN_COMMITS && self.weight > SOFT_BYTES)
            || (count > 1 && self.weight > MAX_BYTES)
    }
}

/// Frees commits: a wide one makes thousands of others go at once.
fn free(gone: Vec<Arc<Commit>>) {
    let changes = gone.iter().map(|commit| commit.changes.len());
    if changes.sum::<usize>() > RETIRED_CHANGES {
        retire(Arc::new(gone));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Change, Entry, Key, Record, Revision};
    use bytes::Bytes;
    use std::sync::mpsc;
    use std::thread::{self, ThreadId};

    fn commit(revision: u64, value: usize) -> Arc<Commit> {
        commit_of(revision, vec![0; value].into())
    }

    fn commit_of(revision: u64, value: Bytes) -> Arc<Commit> {
        let record = Record {
            value,
            ..Record::default()
        };
        let entry = Arc::new(Entry {
            record,
            modified: Revision::new(revision, 0),
        });
        Arc::new(Commit {
            revision,
            cause: crate::model::Cause::Set,
            subject: None,
            changes: vec![Change {
                key: Key::user("k"),
                now: Some(entry),
                before: None,
            }],
        })
    }

    fn kept_of(value: usize, count: u64) -> u64 {
        let history = History::default();
        for revision in 1..=count {
            history.push(&[commit(revision, value)]);
        }
        count - history.floor()
    }

    #[test]
    fn a_thousand_commits_are_kept_unless_they_are_huge() {
        assert_eq!(kept_of(10, 20_000), 16_384);
        assert_eq!(kept_of(64 << 10, 5_000), 1_000);
        assert!(kept_of(4 << 20, 200) < 100);
    }

    #[test]
    fn a_resume_from_before_the_window_is_refused() {
        let history = History::default();
        history.load(&[commit(8, 1), commit(9, 1)], 7);
        assert_eq!(history.find(8, |commit| Some(commit.revision)), Ok(Some(8)));
        assert_eq!(history.find(10, |commit| Some(commit.revision)), Ok(None));
        assert_eq!(history.find(7, |commit| Some(commit.revision)), Err(7));
    }

    #[test]
    fn slices_follow_one_another_to_the_last_commit() {
        let history = History::default();
        // Revisions are not dense on a shared store.
        let all: Vec<_> = (1..=1_000).map(|count| commit(count * 3, 1)).collect();
        history.load(&all, 0);
        let (mut seen, mut from) = (Vec::new(), Some(4));
        while let Some(next) = from {
            let past = history.slice(next, 7).unwrap();
            assert!(past.commits.len() <= 7);
            seen.extend(past.commits);
            from = past.next;
        }
        assert_eq!(seen, all[1..]);
        assert_eq!((history.count_from(4), history.count_from(3_001)), (999, 0));
        assert_eq!(history.slice(3_001, 7), Ok(PastCommits::default()));
    }

    /// What looks at a commit may take its time: the next commit is not kept waiting.
    #[test]
    fn commits_are_looked_at_outside_the_lock() {
        let history = History::default();
        history.load(&[commit(8, 1)], 7);
        let found = history.find(8, |_| {
            history.push(&[commit(9, 1)]);
            Some(())
        });
        assert_eq!(found, Ok(Some(())));
        assert_eq!(history.slice(9, 1).unwrap().commits.len(), 1);
    }

    /// A value that says on which thread it is freed.
    struct Value(mpsc::Sender<ThreadId>);

    impl AsRef<[u8]> for Value {
        fn as_ref(&self) -> &[u8] {
            b"v"
        }
    }

    impl Drop for Value {
        fn drop(&mut self) {
            let _gone = self.0.send(thread::current().id());
        }
    }

    #[test]
    fn commits_that_a_wide_one_drives_out_are_freed_elsewhere() {
        const GONE: usize = RETIRED_CHANGES + 1_000;
        let history = History::default();
        let (freed, threads) = mpsc::channel();
        for revision in (1..).take(MIN_COMMITS + GONE - 1) {
            let value = Bytes::from_owner(Value(freed.clone()));
            history.push(&[commit_of(revision, value)]);
        }
        history.push_weighed(&commit(10_000, 0), SOFT_BYTES + 1);
        let own = thread::current().id();
        let elsewhere = threads.iter().take(GONE).filter(|thread| *thread != own);
        assert_eq!(elsewhere.count(), GONE - 1, "all but the last of them");
    }
}
