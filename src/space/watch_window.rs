//! Watch window: the commits that wait in the queues of watches, each counted once, the oldest dropped first.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::directories::NodeEffect;
use super::node_commit::CommitEffects;
use crate::model::Commit;

/// How many commits may wait for one watch before it is interrupted.
pub(crate) const MAX_COMMITS: usize = 1_024;
/// How many bytes of commits may wait for one watch, where it is more than one.
pub(crate) const MAX_BYTES: usize = 8 << 20;
/// The most bytes of all commits that wait for watches, unless another limit is set.
const DEFAULT_BYTES: usize = 64 << 20;
/// The window may have so many places more than twice the commits that were in use when it was looked through last.
const SLACK: usize = 1_024;

/// About what the entries around a commit take that later ones do not share.
const STATES_BYTES: usize = 8 << 10;

/// What became of a commit that was offered to a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It is the first in the queue: the watch is to be woken.
    First,
    /// It is in the queue, behind others for which the watch was woken.
    Queued,
    /// There were too many before it.
    Lagged,
    /// The watch has it, or has fallen behind already.
    Ignored,
}

/// The commits that some watch has not taken yet, in order.
///
/// However many watches are slow, and whatever each of them waits for, these commits take no more than the limit: beyond
/// it the oldest are dropped, and a watch that comes to one that was dropped has fallen behind.
#[derive(Debug)]
pub(crate) struct WatchWindow {
    queued: VecDeque<Weak<UntakenCommit>>,
    usage: Arc<WindowUsage>,
    /// How long `queued` may get before what nobody waits for any more is removed from it.
    compact_at: usize,
}

/// The bytes in a window, and their limit.
#[derive(Debug)]
pub(crate) struct WindowUsage {
    bytes: AtomicUsize,
    limit: AtomicUsize,
}

/// A commit in the queues of some watches.
#[derive(Debug)]
pub(crate) struct UntakenCommit {
    /// Its main revision.
    pub(crate) revision: u64,
    /// How much memory it takes, in bytes.
    pub(crate) weight: usize,
    /// `None` once it was dropped.
    commit: Mutex<Option<CommitEffects>>,
    usage: Arc<WindowUsage>,
}

impl Default for WatchWindow {
    fn default() -> Self {
        Self {
            queued: VecDeque::new(),
            usage: Arc::new(WindowUsage {
                bytes: AtomicUsize::new(0),
                limit: AtomicUsize::new(DEFAULT_BYTES),
            }),
            compact_at: SLACK,
        }
    }
}

impl WatchWindow {
    /// The bytes in it, and their limit.
    pub(crate) fn usage(&self) -> &Arc<WindowUsage> {
        &self.usage
    }

    /// Takes in the next commit, and drops the oldest where that is too much. The newest always stays.
    pub(crate) fn push(&mut self, changed: &CommitEffects) -> Arc<UntakenCommit> {
        let CommitEffects {
            commit,
            effects,
            states,
        } = changed;
        let states = states.as_ref().map_or(0, |_| STATES_BYTES);
        let weight = commit.weight() + size_of_val::<[NodeEffect]>(effects) + states;
        let queued = Arc::new(UntakenCommit {
            revision: commit.revision,
            weight,
            commit: Mutex::new(Some(changed.clone())),
            usage: Arc::clone(&self.usage),
        });
        self.usage.bytes.fetch_add(weight, Ordering::Relaxed);
        let limit = self.usage.limit.load(Ordering::Relaxed);
        while let Some(oldest) = self.queued.front() {
            match oldest.upgrade() {
                // Every watch has taken it.
                None => {}
                Some(oldest) if self.usage.bytes() > limit => drop(oldest.take()),
                Some(_) => break,
            }
            self.queued.pop_front();
        }
        self.queued.push_back(Arc::downgrade(&queued));
        if self.queued.len() > self.compact_at {
            self.queued.retain(|queued| queued.strong_count() > 0);
            self.compact_at = 2 * self.queued.len() + SLACK;
        }
        queued
    }
}

impl WindowUsage {
    /// How many bytes the commits in it take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Sets the limit, from the next commit on.
    pub(crate) fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
    }
}

impl UntakenCommit {
    /// The commit, unless it was dropped.
    pub(crate) fn get(&self) -> Option<Arc<Commit>> {
        let commit = self.commit.lock();
        commit.as_ref().map(|changed| Arc::clone(&changed.commit))
    }

    /// The same with what it did to nodes.
    pub(crate) fn with_effects(&self) -> Option<CommitEffects> {
        self.commit.lock().clone()
    }

    fn take(&self) -> Option<CommitEffects> {
        let commit = self.commit.lock().take()?;
        self.usage.bytes.fetch_sub(self.weight, Ordering::Relaxed);
        Some(commit)
    }
}

impl Drop for UntakenCommit {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Change, Key};

    fn commit(revision: u64, key_bytes: usize) -> CommitEffects {
        let commit = Arc::new(Commit {
            revision,
            cause: Cause::Delete,
            subject: None,
            changes: vec![Change {
                key: Key::user(vec![b'k'; key_bytes]),
                now: None,
                before: None,
            }],
        });
        CommitEffects {
            commit,
            effects: Arc::default(),
            states: None,
        }
    }

    #[test]
    fn the_oldest_commits_are_dropped_beyond_the_limit() {
        let mut window = WatchWindow::default();
        window.usage().set_limit(10 << 10);
        let mut held: Vec<_> = (1..=20)
            .map(|revision| window.push(&commit(revision, 1_000)))
            .collect();
        let kept = held.iter().filter(|queued| queued.get().is_some()).count();
        assert!(kept == 9 && held[10].get().is_none() && held[11].get().is_some());
        assert!(window.usage().bytes() <= 10 << 10);
        held.push(window.push(&commit(21, 100_000)));
        assert!(held[20].get().is_some(), "the newest always stays");
        held.clear();
        assert_eq!(window.usage().bytes(), 0);
    }

    #[test]
    fn what_every_watch_has_taken_takes_no_memory_behind_what_one_has_not() {
        let mut window = WatchWindow::default();
        let slow = window.push(&commit(1, 1));
        for revision in 2..100_000 {
            drop(window.push(&commit(revision, 1)));
        }
        assert!(window.queued.len() <= 2 * SLACK, "{}", window.queued.len());
        assert_eq!(window.usage().bytes(), slow.weight);
        assert!(slow.get().is_some());
    }
}
