//! `Watches`: all watches and subscriptions, and who of them gets a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::directories::NodeFate;
use super::node_commit::CommitEffects;
use super::node_index::{Interest, NodeIndex};
use super::range_index::{CHANGES_AT_ONCE, RangeIndex};
use super::seen_nodes::nodes_around;
use super::subscription_queue::SubscriptionQueue;
use super::wake_queue::WakeQueue;
use super::watch_queue::WatchQueue;
use super::watch_window::{Offered, UntakenCommit, WatchWindow, WindowUsage};
use crate::model::{Flow, Key, KeyRange};

/// Every watch by its ranges, and every subscription by its interests.
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

    /// Adds a watch of these ranges, whose commits go to a queue from now on; returns its number.
    pub(crate) fn add(&self, ranges: &[KeyRange], queue: &Arc<WatchQueue>) -> u64 {
        self.watched.lock().watches.add(ranges, queue)
    }

    /// Removes the watch of this number, which has these ranges.
    pub(crate) fn remove(&self, number: u64, ranges: &[KeyRange]) {
        self.watched.lock().watches.remove(number, ranges);
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
    /// were offered to. Of one commit the keys may be given, in order.
    pub(crate) fn deliver(&self, keys: Option<&[Key]>) {
        let mut watched = self.watched.lock();
        let announced = std::mem::take(&mut watched.announced);
        let offered = std::mem::take(&mut watched.offered);
        drop(watched);
        if let Some(last) = announced.last() {
            let revision = last.changed.commit.revision;
            self.shown.store(revision, Ordering::Release);
        }
        for AnnouncedCommit { changed, queued } in announced {
            self.deliver_one(&changed, queued, keys);
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
    fn deliver_one(
        &self,
        changed: &CommitEffects,
        mut queued: Option<Arc<UntakenCommit>>,
        keys: Option<&[Key]>,
    ) {
        let mut watched = self.watched.lock();
        let pass = watched.watches.begin();
        let ordered = watched.watches.begin_ordered(keys);
        let mut wakes = self.wakes.commit();
        let mut lagged = 0;
        let mut offer = |window: &mut WatchWindow, queue: &WatchQueue, key: &Key| {
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
        };
        if let Some(mut pass) = ordered {
            loop {
                let Watched {
                    watches, window, ..
                } = &mut *watched;
                let visit = |queue: &WatchQueue, key: &Key| offer(window, queue, key);
                if !watches.match_next(&mut pass, visit) {
                    break;
                }
                MutexGuard::bump(&mut watched);
            }
            drop(watched);
            return self.count_lagged(lagged);
        }
        for part in changed.commit.changes.chunks(CHANGES_AT_ONCE) {
            let Watched {
                watches, window, ..
            } = &mut *watched;
            watches.for_each_match(pass, part, |queue, key| offer(window, queue, key));
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

#[cfg(test)]
mod tests;
