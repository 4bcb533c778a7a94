//! Fair queue: items that wait for their turn, one queue a flow.
//!
//! The order is that of self-clocked fair queueing (Golestani, 1994), which kube-apiserver's priority and fairness uses in
//! spirit: an item's virtual finish is where its flow's last one finished plus its own cost, and the least is next. A flow
//! that was idle begins at the finish of the item that was taken last, so it gains nothing by having been idle.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::overloaded::Overloaded;
use crate::model::Flow;

/// Whether the next item may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Take it.
    Take,
    /// Its flow has as much as it may: the next flow's turn.
    Skip,
    /// Nothing can be taken now.
    Wait,
}

/// An item that was added.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Added<T> {
    /// Names the item among those of the queue.
    pub(super) id: u64,
    /// An item that gave way to it, the newest of the longest queue.
    pub(super) evicted: Option<T>,
}

/// Items that wait for their turn, one queue a flow. Bounded, altogether and for each flow.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    flows: HashMap<Flow, FlowQueue<T>>,
    /// The first item of each flow, by virtual finish, then by age.
    order: BTreeSet<(u64, u64, Flow)>,
    /// The flows by the lengths of their queues.
    lengths: BTreeSet<(usize, Flow)>,
    /// The virtual finish of the item that was taken last.
    now: u64,
    len: usize,
    next_id: u64,
    limit: usize,
}

/// The items of one flow; never empty.
#[derive(Debug)]
struct FlowQueue<T> {
    items: VecDeque<Item<T>>,
    /// Where the first item begins, in virtual time.
    start: u64,
}

#[derive(Debug)]
struct Item<T> {
    id: u64,
    cost: u32,
    value: T,
}

impl<T> FlowQueue<T> {
    /// The place of the first item in the order of all flows.
    fn place(&self, flow: Flow) -> Option<(u64, u64, Flow)> {
        let first = self.items.front()?;
        let finish = self.start.saturating_add(u64::from(first.cost));
        Some((finish, first.id, flow))
    }
}

impl<T> FairQueue<T> {
    /// A queue with so many places; one flow may take a quarter of them.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            flows: HashMap::new(),
            order: BTreeSet::new(),
            lengths: BTreeSet::new(),
            now: 0,
            len: 0,
            next_id: 0,
            limit,
        }
    }

    /// How many items wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The places that one flow may take.
    fn share(&self) -> usize {
        (self.limit / 4).max(1)
    }

    /// Adds an item. Where the flow has as many as it may, it is refused. Where all places are taken, the newest item of
    /// the longest queue gives way, unless the flow's own would be as long.
    pub(super) fn push(&mut self, flow: Flow, cost: u32, value: T) -> Result<Added<T>, Overloaded> {
        let waiting = self.flows.get(&flow).map_or(0, |queue| queue.items.len());
        if waiting >= self.share() {
            return Err(Overloaded::QueueOfClient {
                limit: self.share(),
            });
        }
        let mut evicted = None;
        if self.len >= self.limit {
            let longest = self.lengths.last().copied();
            let Some((_, longest)) = longest.filter(|(length, _)| *length > waiting + 1) else {
                return Err(Overloaded::Queue { limit: self.limit });
            };
            let newest = self
                .flows
                .get(&longest)
                .and_then(|queue| queue.items.back());
            evicted = newest
                .map(|item| item.id)
                .and_then(|id| self.remove(longest, id));
        }
        let id = self.next_id;
        self.next_id += 1;
        let now = self.now;
        self.change(flow, |queue| {
            let queue = queue.get_or_insert_with(|| FlowQueue {
                items: VecDeque::new(),
                start: now,
            });
            queue.items.push_back(Item { id, cost, value });
        });
        Ok(Added { id, evicted })
    }

    /// Takes the item whose turn it is, if `turn` agrees to its flow and cost; else looks further as that says.
    pub(super) fn pop(&mut self, mut turn: impl FnMut(Flow, u32) -> Turn) -> Option<(Flow, T)> {
        let mut next = None;
        for (finish, _, flow) in &self.order {
            let first = self.flows.get(flow)?.items.front()?;
            match turn(*flow, first.cost) {
                Turn::Take => {
                    next = Some((*finish, *flow));
                    break;
                }
                Turn::Skip => {}
                Turn::Wait => return None,
            }
        }
        let (finish, flow) = next?;
        // A flow that was skipped may be behind. It goes on from now: else it would be ahead of every newcomer until it
        // had caught up.
        self.now = self.now.max(finish);
        let now = self.now;
        let item = self.change(flow, |queue| {
            let queue = queue.as_mut()?;
            queue.start = now;
            queue.items.pop_front()
        })?;
        Some((flow, item.value))
    }

    /// Removes an item, if it still waits.
    pub(super) fn remove(&mut self, flow: Flow, id: u64) -> Option<T> {
        let item = self.change(flow, |queue| {
            let items = &mut queue.as_mut()?.items;
            let at = items.iter().position(|item| item.id == id)?;
            items.remove(at)
        })?;
        Some(item.value)
    }

    /// Changes the queue of a flow, and keeps what is known of all flows in step with it.
    fn change<R>(&mut self, flow: Flow, change: impl FnOnce(&mut Option<FlowQueue<T>>) -> R) -> R {
        let mut queue = self.flows.remove(&flow);
        if let Some(queue) = &queue {
            self.lengths.remove(&(queue.items.len(), flow));
            self.len -= queue.items.len();
            if let Some(place) = queue.place(flow) {
                self.order.remove(&place);
            }
        }
        let result = change(&mut queue);
        if let Some(queue) = queue
            && let Some(place) = queue.place(flow)
        {
            self.order.insert(place);
            self.lengths.insert((queue.items.len(), flow));
            self.len += queue.items.len();
            self.flows.insert(flow, queue);
        }
        result
    }
}
