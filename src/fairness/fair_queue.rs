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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    const DEAREST: u32 = 20;

    fn flow(host: u8) -> Flow {
        Flow::of_address(IpAddr::from([10, 0, 0, host]))
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u8, u32),
        Pop,
        /// Removes one of the items that wait.
        Remove(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..6_u8, 1..=DEAREST).prop_map(|(host, cost)| Step::Push(host, cost)),
            2 => Just(Step::Pop),
            1 => any::<prop::sample::Index>().prop_map(Step::Remove),
        ]
    }

    proptest! {
        #[test]
        fn items_come_once_in_the_order_of_their_flow_and_within_bounds(
            steps in prop::collection::vec(step(), 0..200),
        ) {
            let mut queue = FairQueue::new(16);
            // What waits, by flow, in order.
            let mut waiting: HashMap<Flow, Vec<(u64, usize)>> = HashMap::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(host, cost) => {
                        let flow = flow(host);
                        let before = queue.len();
                        match queue.push(flow, cost, number) {
                            Ok(Added { id, evicted }) => {
                                if let Some(evicted) = evicted {
                                    prop_assert_eq!(before, 16);
                                    let newest = waiting.values_mut().find(|items| {
                                        items.last().is_some_and(|(_, number)| *number == evicted)
                                    });
                                    newest.unwrap().pop();
                                }
                                waiting.entry(flow).or_default().push((id, number));
                            }
                            Err(_) => prop_assert!(
                                before == 16 || waiting.get(&flow).map_or(0, Vec::len) == 4
                            ),
                        }
                    }
                    Step::Pop => {
                        let next = queue.pop(|_, _| Turn::Take);
                        prop_assert_eq!(next.is_none(), waiting.values().all(Vec::is_empty));
                        if let Some((flow, number)) = next {
                            prop_assert_eq!(waiting.get_mut(&flow).unwrap().remove(0).1, number);
                        }
                    }
                    Step::Remove(which) => {
                        let all: Vec<_> = waiting
                            .iter()
                            .flat_map(|(flow, items)| items.iter().map(|item| (*flow, *item)))
                            .collect();
                        if !all.is_empty() {
                            let (flow, (id, number)) = *which.get(&all);
                            prop_assert_eq!(queue.remove(flow, id), Some(number));
                            prop_assert_eq!(queue.remove(flow, id), None);
                            waiting.get_mut(&flow).unwrap().retain(|item| item.0 != id);
                        }
                    }
                }
                let left: usize = waiting.values().map(Vec::len).sum();
                prop_assert_eq!(queue.len(), left);
                prop_assert!(left <= 16);
                prop_assert!(waiting.values().all(|items| items.len() <= 4));
            }
        }

        #[test]
        fn nobody_starves_whatever_the_others_ask(
            before in prop::collection::vec(step(), 0..100),
            after in prop::collection::vec((step(), any::<bool>()), 0..200),
            cost in 1..=DEAREST,
        ) {
            let mut queue = FairQueue::new(1 << 10);
            let newcomer = flow(100);
            let apply = |queue: &mut FairQueue<u32>, step: Step, skip: bool| match step {
                Step::Push(host, cost) => {
                    let _refused = queue.push(flow(host), cost, cost);
                    None
                }
                // Flow 0 has as much as it may for a time.
                Step::Pop => queue.pop(|of, _| {
                    if skip && of == flow(0) { Turn::Skip } else { Turn::Take }
                }),
                Step::Remove(_) => None,
            };
            for step in before {
                apply(&mut queue, step, true);
            }
            queue.push(newcomer, cost, cost).unwrap();
            let mut served: HashMap<Flow, u32> = HashMap::new();
            let rest = std::iter::repeat_n((Step::Pop, false), 2000);
            for (step, skip) in after.into_iter().chain(rest) {
                let Some((of, cost)) = apply(&mut queue, step, skip) else { continue };
                if of == newcomer {
                    break;
                }
                *served.entry(of).or_default() += cost;
            }
            prop_assert_eq!(queue.flows.get(&newcomer).map(|queue| queue.items.len()), None);
            // What it asks itself, and the one item that each other flow may have waited with already.
            for (of, units) in served {
                prop_assert!(units <= cost + DEAREST, "{of:?} had {units} before {cost}");
            }
        }
    }

    #[test]
    fn newest_item_of_the_longest_queue_gives_way() {
        let mut queue = FairQueue::new(8);
        for host in 1..=4 {
            let host_items = if host == 1 { 1 } else { 2 };
            for number in 0..host_items {
                queue.push(flow(host), 1, (host, number)).unwrap();
            }
        }
        queue.push(flow(5), 1, (5, 0)).unwrap();
        // Full: flows 2, 3 and 4 have two each.
        let added = queue.push(flow(6), 1, (6, 0)).unwrap();
        let (_, number) = added.evicted.unwrap();
        assert_eq!((number, queue.len()), (1, 8));
        assert_eq!(
            queue.push(flow(2), 1, (2, 9)).map(|added| added.evicted),
            Err(Overloaded::QueueOfClient { limit: 2 })
        );
        assert!(queue.push(flow(7), 1, (7, 0)).is_ok());
        assert!(queue.push(flow(8), 1, (8, 0)).is_ok());
        // Each flow has one now.
        assert_eq!(
            queue.push(flow(9), 1, (9, 0)).map(|added| added.evicted),
            Err(Overloaded::Queue { limit: 8 })
        );
    }

    #[test]
    fn a_hundred_attackers_cannot_fill_it_against_a_bystander() {
        let mut queue = FairQueue::new(256);
        for _ in 0..64 {
            for host in 1..=100 {
                let _refused = queue.push(flow(host), DEAREST, host);
            }
        }
        assert_eq!(queue.len(), 256);
        queue.push(flow(200), 1, 200).unwrap();
        let first = queue.pop(|_, _| Turn::Take).map(|(_, host)| host);
        assert_eq!(first, Some(200), "little work is first");
    }
}
