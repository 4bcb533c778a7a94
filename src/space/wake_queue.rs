//! Wake queue: paces the waking of watches, in turns of the flows they belong to.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::model::Flow;

/// How many watches one commit wakes at once, before any has to queue.
const AT_ONCE: usize = 16;
/// How many watches are woken before whatever else can run has its turn.
const PER_ROUND: usize = 32;

/// The watches that have something to read and are not woken yet, and the polls that found their answer at once.
///
/// Thousands of watches of one client may wait for the same write. If they were all made runnable at once, every other
/// task would have to queue behind them. So a few are woken at a time, of each flow one after another, and between two
/// rounds the runtime runs what is ready. What they read is in their own queues before.
///
/// Where writes are faster than so many polls, these never wait: what they know is behind already. So they take their
/// turns in the same queue ([`WakeQueue::turn`]).
#[derive(Debug)]
pub(crate) struct WakeQueue {
    /// Where they are woken; without one, in tests alone, they are woken at once.
    runtime: Option<Handle>,
    turns: Mutex<WakeTurns>,
}

#[derive(Debug)]
struct WakeTurns {
    /// Each flow with watches to wake, once.
    order: VecDeque<Flow>,
    sleepers: HashMap<Flow, VecDeque<Arc<Notify>>>,
    /// Whether a task wakes them.
    served: bool,
    /// How many polls pass before any has to queue.
    passing: usize,
}

/// The wakes of one commit.
#[derive(Debug)]
pub(crate) struct CommitWakes<'a> {
    queue: &'a Arc<WakeQueue>,
    at_once: usize,
}

impl WakeQueue {
    /// A queue for watches on the current runtime.
    pub(crate) fn new() -> Self {
        Self {
            runtime: Handle::try_current().ok(),
            turns: Mutex::new(WakeTurns {
                order: VecDeque::new(),
                sleepers: HashMap::new(),
                served: false,
                passing: AT_ONCE,
            }),
        }
    }

    /// Begins with a commit: some of its watches are woken at once.
    pub(crate) fn commit(self: &Arc<Self>) -> CommitWakes<'_> {
        CommitWakes {
            queue: self,
            at_once: AT_ONCE,
        }
    }

    /// The turn of a poll that is to be answered now. Costs nothing while there are few of them.
    pub(crate) async fn turn(self: &Arc<Self>, flow: Flow) {
        let Some(runtime) = self.runtime.as_ref().filter(|_| flow != Flow::Exempt) else {
            return;
        };
        let sleeper = {
            let mut turns = self.turns.lock();
            if turns.passing > 0 && turns.order.is_empty() {
                turns.passing -= 1;
                return;
            }
            let sleeper = Arc::new(Notify::new());
            self.push(&mut turns, runtime, flow, &sleeper);
            sleeper
        };
        sleeper.notified().await;
    }

    fn push(
        self: &Arc<Self>,
        turns: &mut WakeTurns,
        runtime: &Handle,
        flow: Flow,
        sleeper: &Arc<Notify>,
    ) {
        let WakeTurns {
            order, sleepers, ..
        } = turns;
        let own = sleepers.entry(flow).or_insert_with(|| {
            order.push_back(flow);
            VecDeque::new()
        });
        own.push_back(Arc::clone(sleeper));
        if !turns.served {
            turns.served = true;
            drop(runtime.spawn(Arc::clone(self).serve()));
        }
    }

    /// Wakes all, until none is left.
    async fn serve(self: Arc<Self>) {
        loop {
            for _ in 0..PER_ROUND {
                let Some(sleeper) = self.turns.lock().next() else {
                    return;
                };
                sleeper.notify_one();
            }
            tokio::task::yield_now().await;
        }
    }
}

impl WakeTurns {
    fn next(&mut self) -> Option<Arc<Notify>> {
        while let Some(flow) = self.order.pop_front() {
            let Some(own) = self.sleepers.get_mut(&flow) else {
                continue;
            };
            let next = own.pop_front();
            if own.is_empty() {
                self.sleepers.remove(&flow);
            } else {
                self.order.push_back(flow);
            }
            if next.is_some() {
                return next;
            }
        }
        self.served = false;
        self.passing = AT_ONCE;
        None
    }
}

impl CommitWakes<'_> {
    /// Wakes a watch of this flow, now or when it is its turn. It is called once until the watch has emptied its queue.
    pub(crate) fn wake(&mut self, flow: Flow, sleeper: &Arc<Notify>) {
        match self.queue.runtime.as_ref().filter(|_| flow != Flow::Exempt) {
            Some(runtime) if self.at_once == 0 => {
                let mut turns = self.queue.turns.lock();
                self.queue.push(&mut turns, runtime, flow, sleeper);
            }
            None => sleeper.notify_one(),
            Some(_) => {
                self.at_once -= 1;
                sleeper.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn flow(number: u8) -> Flow {
        Flow::of_address(Ipv4Addr::new(10, 0, 0, number).into())
    }

    /// So many tasks that sleep until they are woken; `woken` counts those that were.
    async fn sleepers(count: usize, woken: &Arc<AtomicUsize>) -> Vec<Arc<Notify>> {
        let all: Vec<_> = (0..count).map(|_| Arc::new(Notify::new())).collect();
        let asleep = Arc::new(AtomicUsize::new(0));
        for sleeper in &all {
            let (sleeper, asleep) = (Arc::clone(sleeper), Arc::clone(&asleep));
            let woken = Arc::clone(woken);
            tokio::spawn(async move {
                asleep.fetch_add(1, Ordering::Relaxed);
                sleeper.notified().await;
                woken.fetch_add(1, Ordering::Relaxed);
            });
        }
        while asleep.load(Ordering::Relaxed) < count {
            tokio::task::yield_now().await;
        }
        all
    }

    #[tokio::test]
    async fn others_have_their_turns_while_thousands_of_watches_are_woken() {
        let queue = Arc::new(WakeQueue::new());
        let woken = Arc::new(AtomicUsize::new(0));
        let all = sleepers(5_000, &woken).await;
        let mut wakes = queue.commit();
        for sleeper in &all {
            wakes.wake(flow(1), sleeper);
        }
        let (mut before, mut turns) = (0, 0);
        while before < all.len() {
            // This task stands for everybody else: it is run after whatever was made runnable before it.
            tokio::task::yield_now().await;
            let now = woken.load(Ordering::Relaxed);
            assert!(
                now - before <= AT_ONCE + PER_ROUND,
                "{} at once",
                now - before
            );
            before = now;
            turns += 1;
            assert!(turns < all.len(), "{before} are woken");
        }
    }

    #[tokio::test]
    async fn a_flow_with_one_watch_does_not_wait_for_one_with_thousands() {
        let queue = Arc::new(WakeQueue::new());
        let (many, one) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let crowd = sleepers(5_000, &many).await;
        let last = sleepers(1, &one).await;
        let mut wakes = queue.commit();
        for sleeper in &crowd {
            wakes.wake(flow(1), sleeper);
        }
        wakes.wake(flow(2), &last[0]);
        while one.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let before = many.load(Ordering::Relaxed);
        assert!(before <= AT_ONCE + PER_ROUND, "{before} came first");
    }

    /// 5,000 polls of one flow that are due; the number counts those that were answered.
    fn crowd_of_polls(queue: &Arc<WakeQueue>) -> (tokio::task::JoinSet<()>, Arc<AtomicUsize>) {
        let answered = Arc::new(AtomicUsize::new(0));
        let mut polls = tokio::task::JoinSet::new();
        for _ in 0..5_000 {
            let (queue, answered) = (Arc::clone(queue), Arc::clone(&answered));
            polls.spawn(async move {
                queue.turn(flow(1)).await;
                answered.fetch_add(1, Ordering::Relaxed);
            });
        }
        (polls, answered)
    }

    #[tokio::test]
    async fn others_have_their_turns_while_thousands_of_polls_are_answered() {
        let queue = Arc::new(WakeQueue::new());
        let (_polls, answered) = crowd_of_polls(&queue);
        // A task like every other: it is run after whatever was made runnable before it.
        let others = tokio::spawn(async move {
            let mut before = 0;
            while before < 5_000 {
                tokio::task::yield_now().await;
                let now = answered.load(Ordering::Relaxed);
                assert!(
                    now - before <= AT_ONCE + PER_ROUND,
                    "{} at once",
                    now - before
                );
                before = now;
            }
        });
        others.await.unwrap();
    }

    #[tokio::test]
    async fn a_poll_does_not_wait_for_thousands_of_another_flow() {
        let queue = Arc::new(WakeQueue::new());
        let (_polls, answered) = crowd_of_polls(&queue);
        // All of them have asked.
        tokio::task::yield_now().await;
        let before = answered.load(Ordering::Relaxed);
        queue.turn(flow(2)).await;
        let came_first = answered.load(Ordering::Relaxed) - before;
        assert!(came_first <= 2 * PER_ROUND, "{came_first} came first");
    }

    #[tokio::test]
    async fn a_queue_that_was_emptied_is_served_again() {
        let queue = Arc::new(WakeQueue::new());
        for _ in 0..3 {
            let woken = Arc::new(AtomicUsize::new(0));
            let all = sleepers(100, &woken).await;
            let mut wakes = queue.commit();
            for sleeper in &all {
                wakes.wake(flow(1), sleeper);
            }
            while woken.load(Ordering::Relaxed) < all.len() {
                tokio::task::yield_now().await;
            }
            while queue.turns.lock().served {
                tokio::task::yield_now().await;
            }
            assert!(queue.turns.lock().sleepers.is_empty());
        }
    }
}
