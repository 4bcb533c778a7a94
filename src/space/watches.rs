//! Watches: each is handed the commits that touch its ranges, as far as its caller may see them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::access::AccessCaller;
use super::directories::NodeFate;
use super::node_commit::CommitEffects;
use super::node_index::{Interest, NodeIndex};
use super::range_index::{CHANGES_AT_ONCE, RangeIndex};
use super::seen_nodes::nodes_around;
use super::subscription_queue::SubscriptionQueue;
use super::visibility::Visibility;
use super::wake_queue::WakeQueue;
use super::watch_rights::WatchRights;
use super::watch_window::{
    MAX_BYTES, MAX_COMMITS, Offered, UntakenCommit, WatchWindow, WindowUsage,
};
use crate::model::{Commit, Flow, KeyRange};

/// Every watch, by its ranges.
#[derive(Debug)]
pub(crate) struct Watches {
    watched: Mutex<Watched>,
    usage: Arc<WindowUsage>,
    wakes: Arc<WakeQueue>,
    lagged: AtomicU64,
    /// The last commit that a view shows, or a moment less.
    shown: AtomicU64,
    /// Whether a commit that a watch may get, or one of the past, has an entry with an access list.
    had_lists: AtomicBool,
    /// Held once more by each subscription of somebody who does not see all.
    partial: Arc<()>,
}

#[derive(Debug, Default)]
struct Watched {
    watches: RangeIndex<WatchQueue>,
    subscriptions: NodeIndex<SubscriptionQueue>,
    last_subscription: u64,
    /// The commits that are announced to subscriptions and that no view shows yet.
    announced: Vec<AnnouncedCommit>,
    /// The subscriptions that have some of them, each once.
    offered: Vec<Arc<SubscriptionQueue>>,
    window: WatchWindow,
}

#[derive(Debug)]
struct AnnouncedCommit {
    changed: CommitEffects,
    /// The same in the window, once it is in some queue.
    queued: Option<Arc<UntakenCommit>>,
}

impl AnnouncedCommit {
    /// Whether it may concern an interest: where it has many changes, that is not found out.
    fn may_concern(&self, interest: &Interest) -> bool {
        self.changed.commit.changes.len() > CHANGES_AT_ONCE
            || self
                .changed
                .nodes()
                .any(|node| interest.is_concerned(node.path, node.fate))
            || self.changed.states.is_some()
                && around(&self.changed).any(|(path, fate)| interest.is_concerned(path, fate))
    }
}

/// The nodes that a commit may have brought or taken along for those who do not see all.
fn around(changed: &CommitEffects) -> impl Iterator<Item = (&str, NodeFate)> {
    changed.commit.changes.iter().flat_map(nodes_around)
}

#[derive(Debug)]
struct WatchQueue {
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
    queue: Arc<WatchQueue>,
    id: u64,
    ranges: Vec<KeyRange>,
    /// What its caller may see, as of when that was asked for last.
    visibility: Visibility,
    access: AccessCaller,
    rights: Option<WatchRights>,
    /// Set once for good when the caller may see other keys in these ranges than before.
    rights_changed: bool,
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
            shown: AtomicU64::new(0),
            had_lists: AtomicBool::new(false),
            partial: Arc::default(),
        }
    }

    /// Begins to watch. The visibility was asked for after the epoch of `rights` was subscribed to.
    pub(crate) fn watch(
        self: &Arc<Self>,
        flow: Flow,
        ranges: Vec<KeyRange>,
        visibility: Visibility,
        rights: Option<WatchRights>,
    ) -> Watch {
        let queue = Arc::new(WatchQueue {
            visibility: visibility.clone(),
            flow,
            inbox: Mutex::new(Inbox {
                // Now rather than while a commit is delivered.
                commits: VecDeque::with_capacity(2),
                ..Inbox::default()
            }),
            filled: Arc::default(),
        });
        let id = self.watched.lock().watches.add(&ranges, &queue);
        Watch {
            watches: Arc::clone(self),
            queue,
            id,
            ranges,
            visibility,
            access: AccessCaller::Exempt,
            rights,
            rights_changed: false,
        }
    }

    /// The queue of another subscription.
    pub(crate) fn new_queue(&self, flow: Flow, is_partial: bool) -> Arc<SubscriptionQueue> {
        let mut watched = self.watched.lock();
        watched.last_subscription += 1;
        let number = watched.last_subscription;
        let partial = is_partial.then(|| Arc::clone(&self.partial));
        Arc::new(SubscriptionQueue::new(number, flow, partial))
    }

    /// Whether somebody subscribes who does not see all.
    pub(crate) fn has_partial_subscriptions(&self) -> bool {
        Arc::strong_count(&self.partial) > 1
    }

    /// Adds an interest of a subscription.
    pub(crate) fn add_interest(&self, interest: &Interest, queue: &Arc<SubscriptionQueue>) {
        let mut watched = self.watched.lock();
        watched.subscriptions.add(interest, queue.number, queue);
        // A view that is read from now on may lack them, and they were announced without it.
        for place in 0..watched.announced.len() {
            let announced = watched.announced.get(place);
            if announced.is_some_and(|announced| announced.may_concern(interest)) {
                self.offer(&mut watched, place, queue);
            }
        }
    }

    /// Removes an interest of a subscription.
    pub(crate) fn remove_interest(&self, interest: &Interest, queue: &SubscriptionQueue) {
        let mut watched = self.watched.lock();
        watched.subscriptions.remove(interest, queue.number);
    }

    /// Announces commits to the subscriptions they concern, before any view shows them.
    pub(crate) fn announce(&self, commits: Vec<CommitEffects>) {
        if commits.iter().any(|changed| changed.commit.has_lists()) {
            self.note_lists();
        }
        let mut watched = self.watched.lock();
        let concerned = (!watched.subscriptions.is_empty()).then(|| commits.clone());
        // Before anything is offered: what is interested from then on is offered all of them.
        let announced = |changed| AnnouncedCommit {
            changed,
            queued: None,
        };
        watched.announced = commits.into_iter().map(announced).collect();
        for (place, commit) in concerned.into_iter().flatten().enumerate() {
            let all = commit.nodes().map(|node| ((node.path, node.fate), false));
            // What came and went for those who do not see all is found out when they take it.
            let partial = commit.states.as_ref().map(|_| around(&commit));
            let partial = partial.into_iter().flatten().map(|node| (node, true));
            let mut queues = Vec::new();
            for (step, ((path, fate), only_partial)) in (1..).zip(all.chain(partial)) {
                watched.subscriptions.for_each_match(path, fate, |queue| {
                    if queue.is_partial() || !only_partial {
                        queues.push(Arc::clone(queue));
                    }
                });
                for queue in queues.drain(..) {
                    self.offer(&mut watched, place, &queue);
                }
                if step % CHANGES_AT_ONCE == 0 {
                    MutexGuard::bump(&mut watched);
                }
            }
        }
    }

    /// Offers an announced commit to a subscription.
    fn offer(&self, watched: &mut Watched, place: usize, queue: &Arc<SubscriptionQueue>) {
        let Watched {
            announced,
            offered,
            window,
            ..
        } = watched;
        let Some(AnnouncedCommit { changed, queued }) = announced.get_mut(place) else {
            return;
        };
        if !queue.wants(changed.commit.revision) {
            return;
        }
        let queued = queued.get_or_insert_with(|| window.push(changed));
        if queue.offer(queued) == Offered::Lagged {
            self.count_lagged(1);
        }
        if queue.is_first_offer() {
            offered.push(Arc::clone(queue));
        }
    }

    /// The turn of a poll of this flow that is to be answered now.
    pub(crate) async fn turn(&self, flow: Flow) {
        self.wakes.turn(flow).await;
    }

    /// Hands the announced commits, which a view shows now, to the watches they touch, and wakes the subscriptions that they
    /// were offered to.
    pub(crate) fn deliver(&self) {
        let mut watched = self.watched.lock();
        let announced = std::mem::take(&mut watched.announced);
        let offered = std::mem::take(&mut watched.offered);
        drop(watched);
        if let Some(last) = announced.last() {
            let revision = last.changed.commit.revision;
            self.shown.store(revision, Ordering::Release);
        }
        for AnnouncedCommit { changed, queued } in announced {
            self.deliver_one(&changed, queued);
        }
        let mut wakes = self.wakes.commit();
        for queue in offered {
            if queue.stops_waiting() {
                wakes.wake(queue.flow, &queue.filled);
            }
        }
    }

    /// Hands a commit to the watches it touches. When it returns each of them has it, but many may have to wait for their
    /// turn to be woken.
    fn deliver_one(&self, changed: &CommitEffects, mut queued: Option<Arc<UntakenCommit>>) {
        let mut watched = self.watched.lock();
        let pass = watched.watches.begin();
        let mut wakes = self.wakes.commit();
        let mut lagged = 0;
        for part in changed.commit.changes.chunks(CHANGES_AT_ONCE) {
            let Watched {
                watches, window, ..
            } = &mut *watched;
            watches.for_each_match(pass, part, |queue, key| {
                // The key that changed, not the prefix that is watched.
                if !queue.visibility.may_see(key) {
                    return false;
                }
                let queued = queued.get_or_insert_with(|| window.push(changed));
                match queue.offer(queued) {
                    Offered::First => wakes.wake(queue.flow, &queue.filled),
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
        self.count_lagged(lagged);
    }

    /// Whether some commit had an entry with an access list: as long as none had, nobody looks for them.
    pub(crate) fn had_lists(&self) -> bool {
        self.had_lists.load(Ordering::Acquire)
    }

    /// Notes that there are, or were, entries with access lists.
    pub(crate) fn note_lists(&self) {
        self.had_lists.store(true, Ordering::Release);
    }

    /// The last commit that a view shows, or a moment less.
    pub(crate) fn shown(&self) -> &AtomicU64 {
        &self.shown
    }

    /// How many watches and subscriptions were too slow, to be counted on.
    pub(crate) fn lagged_count(&self) -> &AtomicU64 {
        &self.lagged
    }

    fn count_lagged(&self, count: u64) {
        self.lagged.fetch_add(count, Ordering::Relaxed);
    }

    /// How many watch.
    pub(crate) fn count(&self) -> usize {
        self.watched.lock().watches.count()
    }

    /// Whether any subscription is interested in anything.
    #[cfg(test)]
    pub(crate) fn has_subscriptions(&self) -> bool {
        !self.watched.lock().subscriptions.is_empty()
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

impl WatchQueue {
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
            let filled = self.queue.filled.notified();
            let Some(rights) = &mut self.rights else {
                filled.await;
                continue;
            };
            tokio::select! {
                () = filled => {}
                moved = rights.moved() => {
                    // A guard that is gone changes nothing more.
                    if !moved {
                        self.rights = None;
                    }
                }
            }
        }
    }

    /// The next commit, if one has arrived.
    pub fn try_next(&mut self) -> Option<Result<Arc<Commit>, Interrupted>> {
        // Before anything is taken: it may not be for the caller any more.
        if self.rights.as_ref().is_some_and(WatchRights::has_moved) {
            self.ask_again();
        }
        if self.rights_changed {
            return Some(Err(Interrupted::RightsChanged));
        }
        loop {
            match self.queue.take(&self.watches.lagged)? {
                Err(lagged) => return Some(Err(lagged)),
                Ok(commit) => {
                    let shown = self.visibility.shown(&commit);
                    let shown = match shown {
                        Some(shown) if self.watches.had_lists() => self.access.shown(shown),
                        shown => shown,
                    };
                    if let Some(shown) = shown {
                        return Some(Ok(shown));
                    }
                }
            }
        }
    }

    /// Asks the guard again what the caller may see.
    fn ask_again(&mut self) {
        if let Some(rights) = &mut self.rights {
            self.rights_changed |= rights.ask_again(&self.ranges, &mut self.visibility);
        }
    }

    /// The same for a caller whom access lists bind.
    pub(crate) fn bound_by_lists(mut self, access: AccessCaller) -> Self {
        self.access = access;
        self
    }

    /// What is watched.
    pub fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.watches.watched.lock();
        watched.watches.remove(self.id, &self.ranges);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Change, Key};
    use crate::space::node_keys::node_ranges;

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

    fn deliver(watches: &Watches, commit: &Arc<Commit>) {
        let commit = Arc::clone(commit);
        let effects = Arc::default();
        let states = None;
        watches.announce(vec![CommitEffects {
            commit,
            effects,
            states,
        }]);
        watches.deliver();
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
        deliver(&watches, &commit(1, &["a/b/c", "a/b/d"]));
        deliver(&watches, &commit(2, &["a/b/"]));
        deliver(&watches, &commit(3, &["a/bc"]));
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
            deliver(&watches, &commit(revision, &["a"]));
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
        deliver(&watches, &commit(1, &[&huge]));
        assert_eq!(revisions(&mut slow), [1]);
        deliver(&watches, &commit(2, &[&huge]));
        deliver(&watches, &commit(3, &["a"]));
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
            deliver(&watches, &commit(revision, &[&key]));
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
            deliver(&watches, &commit(revision, &["a"]));
        }
        assert_eq!(watches.count(), 2_000);
        while let Some(seen) = tasks.join_next().await {
            assert_eq!(seen.unwrap(), [1, 2, 3]);
        }
    }
}
