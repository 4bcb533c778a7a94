//! Watch queue: the commits that a watch was handed and has not taken yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::interrupted::Interrupted;
use super::visibility::Visibility;
use super::watch_window::{MAX_BYTES, MAX_COMMITS, Offered, UntakenCommit};
use crate::model::{Commit, Flow};

/// The commits that one watch has not taken yet.
#[derive(Debug)]
pub(crate) struct WatchQueue {
    /// What its caller may see, as of when the watch began.
    pub(crate) visibility: Visibility,
    /// Whose it is.
    pub(crate) flow: Flow,
    /// Wakes the watcher.
    pub(crate) filled: Arc<Notify>,
    inbox: Mutex<Inbox>,
}

#[derive(Debug, Default)]
struct Inbox {
    commits: VecDeque<Arc<UntakenCommit>>,
    /// How much memory they take.
    bytes: usize,
    /// The last commit put in: one that touches a watch twice is delivered once.
    last: u64,
    /// Set once for good when there was too much: the first revision that cannot be taken any more.
    lagged_at: Option<u64>,
}

impl WatchQueue {
    /// One of a watch of this flow, whose caller may see this.
    pub(crate) fn new(flow: Flow, visibility: Visibility) -> Self {
        Self {
            visibility,
            flow,
            filled: Arc::default(),
            inbox: Mutex::new(Inbox {
                // Now rather than while a commit is delivered.
                commits: VecDeque::with_capacity(2),
                ..Inbox::default()
            }),
        }
    }

    /// Puts a commit in.
    pub(crate) fn offer(&self, queued: &Arc<UntakenCommit>) -> Offered {
        let mut inbox = self.inbox.lock();
        if inbox.lagged_at.is_some() || inbox.last == queued.revision {
            return Offered::Ignored;
        }
        inbox.last = queued.revision;
        let Some(first) = inbox.commits.front() else {
            inbox.bytes = queued.weight;
            inbox.commits.push_back(Arc::clone(queued));
            return Offered::First;
        };
        if inbox.commits.len() >= MAX_COMMITS || inbox.bytes + queued.weight > MAX_BYTES {
            let first = first.revision;
            inbox.lag(first);
            return Offered::Lagged;
        }
        inbox.bytes += queued.weight;
        inbox.commits.push_back(Arc::clone(queued));
        Offered::Queued
    }

    /// Takes the next commit out. What was dropped meanwhile is counted in `lagged`.
    pub(crate) fn take(&self, lagged: &AtomicU64) -> Option<Result<Arc<Commit>, Interrupted>> {
        let mut inbox = self.inbox.lock();
        let Some(queued) = inbox.commits.pop_front() else {
            return inbox.lagged_at.map(|from| Err(Interrupted::Lagged(from)));
        };
        inbox.bytes = inbox.bytes.saturating_sub(queued.weight);
        Some(queued.get().ok_or_else(|| {
            // The oldest of all the queues together.
            inbox.lag(queued.revision);
            lagged.fetch_add(1, Ordering::Relaxed);
            Interrupted::Lagged(queued.revision)
        }))
    }
}

impl Inbox {
    /// Gives up, and all memory with it.
    fn lag(&mut self, from: u64) {
        self.commits = VecDeque::new();
        self.bytes = 0;
        self.lagged_at = Some(from);
    }
}
