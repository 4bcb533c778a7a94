//! Watches: each is handed the commits that touch its ranges, as far as its caller may see them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};

use super::admit::Admit;
use super::range_index::{CHANGES_AT_ONCE, RangeIndex};
use super::visibility::Visibility;
use super::wake_queue::WakeQueue;
use super::watch_window::{UntakenCommit, WatchWindow, WindowUsage};
use crate::model::{Caller, Commit, Flow, Key, KeyRange, Realm};

/// How many commits may wait for one watch before it is interrupted.
const MAX_COMMITS: usize = 1_024;
/// How many bytes of commits may wait for one watch, where it is more than one.
const MAX_BYTES: usize = 8 << 20;

/// Every watch, by its ranges.
#[derive(Debug)]
pub(crate) struct Watches {
    watched: Mutex<Watched>,
    usage: Arc<WindowUsage>,
    wakes: Arc<WakeQueue>,
    lagged: AtomicU64,
}

#[derive(Debug, Default)]
struct Watched {
    subscriptions: RangeIndex<Subscription>,
    window: WatchWindow,
}

#[derive(Debug)]
struct Subscription {
    visibility: Visibility,
    flow: Flow,
    inbox: Mutex<Inbox>,
    filled: Arc<Notify>,
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

/// What became of a commit that was offered to a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offered {
    /// It is the first in the queue: the watch is to be woken.
    First,
    /// It is in the queue, behind others for which the watch was woken.
    Queued,
    /// There were too many before it.
    Lagged,
    /// The watch has it, or has fallen behind already.
    Ignored,
}

/// Why a watch yields nothing more. Another one must be begun in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// The watcher was too slow: commits from this main revision on, the first that it did not take, were not kept for it.
    /// It may resume there.
    #[error("too slow: changes from index {0} on were dropped")]
    Lagged(u64),
    /// The caller may see other keys in these ranges than before. Commits that were not taken yet are lost.
    #[error("the keys that may be seen have changed")]
    RightsChanged,
}

/// A watch on some ranges: every commit that touches one of them, in order, each once, from the moment it was made.
///
/// Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    watches: Arc<Watches>,
    subscription: Arc<Subscription>,
    id: u64,
    ranges: Vec<KeyRange>,
    /// What its caller may see, as of when that was asked for last.
    visibility: Visibility,
    rights: Option<Rights>,
    /// Set once for good when the caller may see other keys in these ranges than before.
    rights_changed: bool,
}

/// How a watch finds out what its caller may see, where that can change.
pub(crate) struct Rights {
    /// Moves on when what callers may see has changed.
    pub(crate) epoch: watch::Receiver<u64>,
    pub(crate) admit: Arc<dyn Admit>,
    pub(crate) caller: Caller,
}

impl std::fmt::Debug for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rights")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

impl Watches {
    /// No watches, which will be woken on the current runtime.
    pub(crate) fn new() -> Self {
        let watched = Watched::default();
        Self {
            usage: Arc::clone(watched.window.usage()),
            watched: Mutex::new(watched),
            wakes: Arc::new(WakeQueue::new()),
            lagged: AtomicU64::new(0),
        }
    }

    /// Begins to watch. The visibility was asked for after the epoch of `rights` was subscribed to.
    pub(crate) fn watch(
        self: &Arc<Self>,
        flow: Flow,
        ranges: Vec<KeyRange>,
        visibility: Visibility,
        rights: Option<Rights>,
    ) -> Watch {
        let subscription = Arc::new(Subscription {
            visibility: visibility.clone(),
            flow,
            inbox: Mutex::new(Inbox {
                // Now rather than while a commit is delivered.
                commits: VecDeque::with_capacity(2),
                ..Inbox::default()
            }),
            filled: Arc::default(),
        });
        let id = self
            .watched
            .lock()
            .subscriptions
            .add(&ranges, &subscription);
        Watch {
            watches: Arc::clone(self),
            subscription,
            id,
            ranges,
            visibility,
            rights,
            rights_changed: false,
        }
    }

    /// Hands a commit to the watches it touches. When it returns each of them has it, but many may have to wait for their
    /// turn to be woken.
    pub(crate) fn deliver(&self, commit: &Arc<Commit>) {
        let mut watched = self.watched.lock();
        let pass = watched.subscriptions.begin();
        let mut queued = None;
        let mut wakes = self.wakes.commit();
        let mut lagged = 0;
        for part in commit.changes.chunks(CHANGES_AT_ONCE) {
            let Watched {
                subscriptions,
                window,
            } = &mut *watched;
            subscriptions.for_each_match(pass, part, |subscription, key| {
                // The key that changed, not the prefix that is watched.
                if !subscription.visibility.may_see(key) {
                    return false;
                }
                let queued = queued.get_or_insert_with(|| window.push(commit));
                match subscription.offer(queued) {
                    Offered::First => wakes.wake(subscription.flow, &subscription.filled),
                    Offered::Lagged => lagged += 1,
                    Offered::Queued | Offered::Ignored => {}
                }
                true
            });
            // What begins to watch now finds the commit in its view.
            if part.len() == CHANGES_AT_ONCE {
                MutexGuard::bump(&mut watched);
            }
        }
        self.lagged.fetch_add(lagged, Ordering::Relaxed);
    }

    /// How many watch.
    pub(crate) fn count(&self) -> usize {
        self.watched.lock().subscriptions.count()
    }

    /// The memory of the commits that wait for watches.
    pub(crate) fn usage(&self) -> &WindowUsage {
        &self.usage
    }

    /// How many watches were too slow.
    pub(crate) fn lagged(&self) -> u64 {
        self.lagged.load(Ordering::Relaxed)
    }
}

impl Subscription {
    fn offer(&self, queued: &Arc<UntakenCommit>) -> Offered {
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

    fn take(&self, lagged: &AtomicU64) -> Option<Result<Arc<Commit>, Interrupted>> {
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

impl Watch {
    /// The next commit that concerns this watch, as far as its caller may see it. Safe to drop and call again.
    pub async fn next(&mut self) -> Result<Arc<Commit>, Interrupted> {
        loop {
            if let Some(taken) = self.try_next() {
                return taken;
            }
            let filled = self.subscription.filled.notified();
            let Some(rights) = &mut self.rights else {
                filled.await;
                continue;
            };
            tokio::select! {
                () = filled => {}
                moved = rights.epoch.changed() => match moved {
                    Ok(()) => self.ask_again(),
                    // A guard that is gone changes nothing more.
                    Err(_) => self.rights = None,
                }
            }
        }
    }

    /// The next commit, if one has arrived.
    pub fn try_next(&mut self) -> Option<Result<Arc<Commit>, Interrupted>> {
        // Before anything is taken: it may not be for the caller any more.
        let epoch = self.rights.as_ref().map(|rights| &rights.epoch);
        if epoch.is_some_and(|epoch| epoch.has_changed().unwrap_or(false)) {
            self.ask_again();
        }
        if self.rights_changed {
            return Some(Err(Interrupted::RightsChanged));
        }
        loop {
            match self.subscription.take(&self.watches.lagged)? {
                Err(lagged) => return Some(Err(lagged)),
                Ok(commit) => {
                    if let Some(shown) = self.visibility.shown(&commit) {
                        return Some(Ok(shown));
                    }
                }
            }
        }
    }

    /// Asks the guard again what the caller may see.
    fn ask_again(&mut self) {
        let Some(rights) = &mut self.rights else {
            return;
        };
        rights.epoch.mark_unchanged();
        let now = rights.admit.visibility(&rights.caller);
        self.rights_changed |= now.class(&self.ranges) != self.visibility.class(&self.ranges);
        self.visibility = now;
    }

    /// What is watched.
    pub fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.watches.watched.lock();
        watched.subscriptions.remove(self.id, &self.ranges);
    }
}

/// Ranges for a tree node: its own keys, and with `recursive` all beneath it. The root is the empty path.
pub fn node_ranges(path: &str, recursive: bool) -> Vec<KeyRange> {
    if path.is_empty() {
        return if recursive {
            vec![KeyRange::Prefix(Key::new(Realm::User, ""))]
        } else {
            Vec::new()
        };
    }
    let beneath = Key::user(format!("{path}/"));
    let within = if recursive {
        KeyRange::Prefix(beneath)
    } else {
        KeyRange::Exact(beneath)
    };
    vec![KeyRange::Exact(Key::user(path)), within]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Change};

    fn commit(revision: u64, keys: &[&str]) -> Arc<Commit> {
        let changes = keys
            .iter()
            .map(|key| Change {
                key: Key::user(key),
                now: None,
                before: None,
            })
            .collect();
        Arc::new(Commit {
            revision,
            cause: Cause::Delete,
            subject: None,
            changes,
        })
    }

    fn watch(watches: &Arc<Watches>, ranges: Vec<KeyRange>) -> Watch {
        watches.watch(Flow::Exempt, ranges, Visibility::All, None)
    }

    fn revisions(watch: &mut Watch) -> Vec<u64> {
        std::iter::from_fn(|| watch.try_next())
            .map(|next| next.unwrap().revision)
            .collect()
    }

    #[test]
    fn a_commit_reaches_each_watch_it_touches_once() {
        let watches = Arc::new(Watches::new());
        let mut tree = watch(&watches, node_ranges("a/b", true));
        let mut node = watch(&watches, node_ranges("a/b", false));
        let mut all = watch(&watches, node_ranges("", true));
        let mut other = watch(&watches, vec![KeyRange::Prefix(Key::user("a/bc"))]);
        watches.deliver(&commit(1, &["a/b/c", "a/b/d"]));
        watches.deliver(&commit(2, &["a/b/"]));
        watches.deliver(&commit(3, &["a/bc"]));
        assert_eq!(revisions(&mut tree), [1, 2]);
        assert_eq!(revisions(&mut node), [2]);
        assert_eq!(revisions(&mut all), [1, 2, 3]);
        assert_eq!(revisions(&mut other), [3]);
    }

    #[test]
    fn a_slow_watcher_gets_the_revision_to_resume_from() {
        let watches = Arc::new(Watches::new());
        let mut slow = watch(&watches, node_ranges("a", false));
        for revision in 1..=2_000 {
            watches.deliver(&commit(revision, &["a"]));
            if revision == 10 {
                assert_eq!(slow.try_next().unwrap().unwrap().revision, 1);
            }
        }
        assert_eq!(slow.try_next(), Some(Err(Interrupted::Lagged(2))));
        assert_eq!(slow.try_next(), Some(Err(Interrupted::Lagged(2))));
        assert_eq!((watches.usage().bytes(), watches.lagged()), (0, 1));
    }

    #[test]
    fn a_watch_keeps_so_many_bytes_and_one_commit_whatever_it_takes() {
        let watches = Arc::new(Watches::new());
        let mut slow = watch(&watches, node_ranges("", true));
        let huge = "k".repeat(MAX_BYTES);
        watches.deliver(&commit(1, &[&huge]));
        assert_eq!(revisions(&mut slow), [1]);
        watches.deliver(&commit(2, &[&huge]));
        watches.deliver(&commit(3, &["a"]));
        assert_eq!(slow.try_next(), Some(Err(Interrupted::Lagged(2))));
    }

    /// A hundred watches that take nothing, each of keys of its own, beside one that takes everything in time.
    #[test]
    fn slow_watches_together_keep_so_many_bytes_and_others_miss_nothing() {
        const LIMIT: usize = 1 << 20;
        let watches = Arc::new(Watches::new());
        watches.usage().set_limit(LIMIT);
        let mut slow: Vec<_> = (0..100)
            .map(|number| watch(&watches, node_ranges(&format!("slow/{number}"), true)))
            .collect();
        let mut quick = watch(&watches, node_ranges("", true));
        let padding = "k".repeat(1_000);
        for revision in 1..=10_000 {
            let key = format!("slow/{}/{padding}", revision % 100);
            watches.deliver(&commit(revision, &[&key]));
            assert!(watches.usage().bytes() <= LIMIT);
            assert_eq!(revisions(&mut quick), [revision]);
        }
        for watch in &mut slow {
            assert!(matches!(
                watch.try_next(),
                Some(Err(Interrupted::Lagged(1..=100)))
            ));
        }
        assert_eq!(watches.lagged(), 100);
        assert_eq!(watches.usage().bytes(), 0);
    }

    #[tokio::test]
    async fn each_of_thousands_of_watches_of_one_client_is_woken_once_for_a_burst() {
        const WATCHES: u64 = 2_000;
        let watches = Arc::new(Watches::new());
        let flow = Flow::of_address([10, 0, 0, 1].into());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..WATCHES {
            let mut watch = watches.watch(flow, node_ranges("", true), Visibility::All, None);
            tasks.spawn(async move {
                let mut seen = vec![watch.next().await.unwrap().revision];
                seen.extend(revisions(&mut watch));
                seen
            });
        }
        tokio::task::yield_now().await;
        for revision in 1..=3 {
            watches.deliver(&commit(revision, &["a"]));
        }
        assert_eq!(watches.count(), 2_000);
        while let Some(seen) = tasks.join_next().await {
            assert_eq!(seen.unwrap(), [1, 2, 3]);
        }
    }
}
