//! Events of one commit, each encoded once for all watches that get it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use parking_lot::Mutex;

use super::encode::encode_event;
use super::event::{self, NodeEvent};
use super::key_order::KeyOrder;
use crate::face::etcd::held_bytes;
use crate::face::shared_work::SharedWork;
use crate::fairness::{Cost, Fairness, Overloaded};
use crate::model::{Change, Commit, Flow, Key};

/// The most changes that are looked at one by one.
pub(super) const NARROW: usize = 64;

/// The most encoded events that are kept of one commit.
const MAX_KEPT: usize = 64;

/// The most bytes of encoded events that are kept of one commit.
const MAX_KEPT_BYTES: usize = 8 << 20;

/// Which event of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EventAt {
    /// That of the node the commit acted on as a whole.
    Subject,
    /// That of the change at this position.
    Change(usize),
}

type EncodedEvent = Arc<SharedWork<Option<Bytes>>>;

/// The events of one commit.
#[derive(Debug)]
pub(super) struct CommitEvents {
    commit: Arc<Commit>,
    /// Of a commit with many changes.
    order: Arc<SharedWork<Arc<KeyOrder>>>,
    encoded: Mutex<BTreeMap<EventAt, EncodedEvent>>,
    /// The memory that is kept because of it, in bytes.
    weight: AtomicUsize,
}

impl CommitEvents {
    /// The events of this commit.
    pub(super) fn new(commit: &Arc<Commit>) -> Self {
        let is_wide = commit.changes.len() > NARROW;
        let weight = if is_wide { 0 } else { commit.weight() };
        Self {
            commit: Arc::clone(commit),
            order: Arc::default(),
            encoded: Mutex::default(),
            weight: AtomicUsize::new(weight),
        }
    }

    /// The commit.
    pub(super) fn commit(&self) -> &Arc<Commit> {
        &self.commit
    }

    /// The memory that is kept because of it, roughly, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    /// Whether it has so many changes that each watch needs the order of their keys.
    pub(super) fn is_wide(&self) -> bool {
        self.commit.changes.len() > NARROW
    }

    /// The order of its keys, made here where nobody has made it yet: for heavy threads.
    pub(super) fn order(&self) -> Arc<KeyOrder> {
        let done = self.order.do_unless_done(|| Ok(self.make_order()));
        done.unwrap_or_else(|_never| self.make_order())
    }

    /// The order of its keys, made on a heavy thread, once for all.
    pub(super) async fn shared_order(
        self: &Arc<Self>,
        fairness: &Fairness,
        flow: Flow,
    ) -> Result<Arc<KeyOrder>, Overloaded> {
        let own = Arc::clone(self);
        let cost = Cost::new(self.commit.changes.len(), 0);
        let make = move || Ok(own.make_order());
        self.order.get_or_do(fairness, flow, cost, make).await
    }

    fn make_order(&self) -> Arc<KeyOrder> {
        self.weight.store(self.commit.weight(), Ordering::Relaxed);
        Arc::new(KeyOrder::of(&self.commit))
    }

    /// An event as a line of JSON; `None` where there is no such event. Long ones count in the budget of watch queues, for
    /// the flow of the watch that encoded it, until the last client has taken them.
    pub(super) async fn encoded(
        self: &Arc<Self>,
        at: EventAt,
        fairness: &Fairness,
        flow: Flow,
    ) -> Result<Option<Bytes>, Overloaded> {
        let (own, budget) = (Arc::clone(self), fairness.watch_queues().clone());
        let encode = move || {
            let Some(event) = own.event(at) else {
                return Ok(None);
            };
            let line = encode_event(&event);
            own.weight.fetch_add(line.len(), Ordering::Relaxed);
            held_bytes::held(&budget, flow, line).map(Some)
        };
        let cell = self.cell(at);
        cell.get_or_do(fairness, flow, self.cost(at), encode).await
    }

    /// Where an event is kept.
    fn cell(&self, at: EventAt) -> EncodedEvent {
        let mut encoded = self.encoded.lock();
        if let Some(cell) = encoded.get(&at) {
            return Arc::clone(cell);
        }
        let cell = EncodedEvent::default();
        if self.weight() <= MAX_KEPT_BYTES {
            encoded.insert(at, Arc::clone(&cell));
            if encoded.len() > MAX_KEPT {
                encoded.pop_first();
            }
        }
        cell
    }

    fn cost(&self, at: EventAt) -> Cost {
        let value = |change: &Change| {
            let entries = [&change.now, &change.before].into_iter().flatten();
            entries.map(|entry| entry.value().len()).sum::<usize>()
        };
        let changes = &self.commit.changes;
        match at {
            EventAt::Change(at) => Cost::new(1, changes.get(at).map_or(0, value)),
            // Of many changes only those of the node itself are encoded.
            EventAt::Subject if self.is_wide() => Cost::new(changes.len(), 0),
            EventAt::Subject => Cost::new(1, changes.iter().map(value).sum()),
        }
    }

    fn event(&self, at: EventAt) -> Option<NodeEvent> {
        let commit = &self.commit;
        match at {
            EventAt::Subject => {
                let path = commit.subject.as_ref().and_then(Key::node)?;
                let action = event::action_of(commit.cause, event::exists_after(commit, path));
                event::of_node(commit, path, action)
            }
            EventAt::Change(at) => event::of_change(commit, commit.changes.get(at)?),
        }
    }
}
