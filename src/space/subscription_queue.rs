//! Subscription queue: the commits that were announced to a session and not taken yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::node_commit::CommitEffects;
use super::watch_window::{MAX_BYTES, MAX_COMMITS, Offered, UntakenCommit};
use crate::model::Flow;

/// The commits that one subscription has not taken yet.
#[derive(Debug)]
pub(crate) struct SubscriptionQueue {
    /// The subscription's number.
    pub(crate) number: u64,
    /// Whose it is.
    pub(crate) flow: Flow,
    /// Wakes the subscriber.
    pub(crate) filled: Arc<Notify>,
    backlog: Mutex<Backlog>,
    /// Of somebody who does not see all.
    partial: Option<Arc<()>>,
}

#[derive(Debug, Default)]
struct Backlog {
    commits: VecDeque<Arc<UntakenCommit>>,
    /// How much memory they take, in bytes.
    bytes: usize,
    /// The last revision up to which everything was taken.
    taken: u64,
    /// Whether there are some among them that no view may show yet.
    announced: bool,
    /// Whether the subscriber waits until a view shows another commit.
    waits: bool,
    /// Set once for good when there was too much: the first revision that cannot be taken any more.
    lagged_at: Option<u64>,
}

impl SubscriptionQueue {
    /// An empty queue.
    pub(crate) fn new(number: u64, flow: Flow, partial: Option<Arc<()>>) -> Self {
        Self {
            number,
            flow,
            filled: Arc::default(),
            backlog: Mutex::default(),
            partial,
        }
    }

    /// Whether it is of somebody who does not see all.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// Whether it does not have this commit, and is not past having it.
    pub(crate) fn wants(&self, revision: u64) -> bool {
        self.backlog.lock().place(revision).is_some()
    }

    /// Puts in a commit that no view showed when it was announced.
    pub(crate) fn offer(&self, queued: &Arc<UntakenCommit>) -> Offered {
        let mut backlog = self.backlog.lock();
        let Some(place) = backlog.place(queued.revision) else {
            return Offered::Ignored;
        };
        let full =
            backlog.commits.len() >= MAX_COMMITS || backlog.bytes + queued.weight > MAX_BYTES;
        if full && let Some(first) = backlog.commits.front() {
            let first = first.revision.min(queued.revision);
            backlog.lag(first);
            return Offered::Lagged;
        }
        backlog.bytes += queued.weight;
        backlog.commits.insert(place, Arc::clone(queued));
        Offered::Queued
    }

    /// Whether it is offered something for the first time since it was asked whether the subscriber waits.
    pub(crate) fn is_first_offer(&self) -> bool {
        !std::mem::replace(&mut self.backlog.lock().announced, true)
    }

    /// Whether the subscriber waits, and is to be woken now that a view shows what it was offered.
    pub(crate) fn stops_waiting(&self) -> bool {
        let mut backlog = self.backlog.lock();
        backlog.announced = false;
        std::mem::take(&mut backlog.waits)
    }

    /// Takes the next commit that is not later than this revision.
    ///
    /// # Errors
    ///
    /// The first revision that cannot be taken any more; `lagged` counts it once.
    pub(crate) fn take(
        &self,
        revision: u64,
        lagged: &AtomicU64,
    ) -> Option<Result<CommitEffects, u64>> {
        let mut backlog = self.backlog.lock();
        let first = backlog.commits.front().map(|first| first.revision);
        if first.is_none_or(|first| first > revision) {
            backlog.taken = backlog.taken.max(revision);
            return backlog.lagged_at.map(Err);
        }
        let queued = backlog.commits.pop_front()?;
        backlog.bytes = backlog.bytes.saturating_sub(queued.weight);
        Some(queued.with_effects().ok_or_else(|| {
            // The oldest of all the queues together.
            backlog.lag(queued.revision);
            lagged.fetch_add(1, Ordering::Relaxed);
            queued.revision
        }))
    }

    /// Whether nothing can be taken yet, given the last revision that a view shows; if so, the subscriber waits.
    pub(crate) fn begins_to_wait(&self, shown: &AtomicU64) -> bool {
        let mut backlog = self.backlog.lock();
        // Before the revision is read: whoever shows a later one wakes the subscriber.
        backlog.waits = true;
        let shown = shown.load(Ordering::Acquire);
        let ready = backlog.lagged_at.is_some()
            || backlog
                .commits
                .front()
                .is_some_and(|first| first.revision <= shown);
        backlog.waits = !ready;
        !ready
    }
}

impl Backlog {
    /// Where a commit belongs, which may have been announced after a later one; `None` where it is not to be put in.
    fn place(&self, revision: u64) -> Option<usize> {
        if self.lagged_at.is_some() || revision <= self.taken {
            return None;
        }
        let found = self
            .commits
            .binary_search_by_key(&revision, |queued| queued.revision);
        found.err()
    }

    /// Gives up, and all memory with it.
    fn lag(&mut self, from: u64) {
        self.commits = VecDeque::new();
        self.bytes = 0;
        self.lagged_at = Some(from);
    }
}
