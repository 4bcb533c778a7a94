//! Seats: how many changes are decided on or written at a time, weighted by their cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::cost::Cost;
use super::fair_queue::{FairQueue, Turn};
use super::flow_counts::FlowCounts;
use super::metrics::{Metrics, Work};
use super::overloaded::Overloaded;
use crate::model::Flow;

/// How long a change waits for a seat at most: less than Consul's 7 s, after which its clients are told that there is no
/// leader.
const PATIENCE: Duration = Duration::from_secs(5);

/// The units of small changes.
const SMALL_UNITS: usize = 1024;

/// The small changes that may wait.
const SMALL_PLACES: usize = 8192;

/// The units of all other changes together: 16,384 entries, or 4 MiB.
const WIDE_UNITS: usize = 256;

/// The wide changes that may wait.
const WIDE_PLACES: usize = 256;

/// The seats of changes. Small changes and wide ones have seats of their own, so that a small change never waits for a
/// wide one to end. Of each a flow takes at most half.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    small: Arc<SeatPool>,
    wide: Arc<SeatPool>,
}

/// A seat of a change, taken until this is dropped.
#[derive(Debug)]
#[must_use = "the seat is free when it is dropped"]
pub struct Seat {
    /// `None` where nothing is counted: for [`Flow::Exempt`].
    pool: Option<Arc<SeatPool>>,
    flow: Flow,
    units: usize,
}

/// Seats that all flows share, and the changes that wait for one.
#[derive(Debug)]
pub(super) struct SeatPool {
    work: Work,
    units: usize,
    /// How many changes may wait.
    places: usize,
    used: AtomicUsize,
    flows: FlowCounts,
    queue: Mutex<FairQueue<oneshot::Sender<Seat>>>,
    /// As long as the queue; written under its lock.
    waiting: AtomicUsize,
    metrics: Metrics,
}

impl Seats {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let pool = |work, units, places| Arc::new(SeatPool::new(work, units, places, metrics));
        Self {
            small: pool(Work::SmallChange, SMALL_UNITS, SMALL_PLACES),
            wide: pool(Work::WideChange, WIDE_UNITS, WIDE_PLACES),
        }
    }

    /// Takes a seat, in the flow's turn. An exempt flow gets one at once.
    pub(super) async fn take(&self, flow: Flow, cost: Cost) -> Result<Seat, Overloaded> {
        if flow == Flow::Exempt {
            return Ok(Seat {
                pool: None,
                flow,
                units: 0,
            });
        }
        let pool = if cost.is_small() {
            &self.small
        } else {
            &self.wide
        };
        pool.take(flow, cost).await
    }

    /// Both kinds of seats.
    pub(super) fn pools(&self) -> [&SeatPool; 2] {
        [&self.small, &self.wide]
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.free(self.flow, self.units);
        }
    }
}

impl SeatPool {
    fn new(work: Work, units: usize, places: usize, metrics: &Metrics) -> Self {
        Self {
            work,
            units,
            places,
            used: AtomicUsize::new(0),
            flows: FlowCounts::default(),
            queue: Mutex::new(FairQueue::new(places)),
            waiting: AtomicUsize::new(0),
            metrics: metrics.clone(),
        }
    }

    /// What has these seats.
    pub(super) fn work(&self) -> Work {
        self.work
    }

    /// The units that are taken.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many changes wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A change wider than one flow may take takes all that one flow may.
    fn units_of(&self, cost: u32) -> usize {
        usize::try_from(cost)
            .unwrap_or(usize::MAX)
            .min(self.units / 2)
    }

    async fn take(self: &Arc<Self>, flow: Flow, cost: Cost) -> Result<Seat, Overloaded> {
        let units = self.units_of(cost.units());
        // Nobody is overtaken who waits already.
        if self.waiting.load(Ordering::SeqCst) == 0 && self.try_take(flow, units) == Turn::Take {
            return Ok(self.seat(flow, units));
        }
        let taken = self.wait(flow, cost).await;
        taken.inspect_err(|overloaded| self.metrics.refused(*overloaded))
    }

    async fn wait(self: &Arc<Self>, flow: Flow, cost: Cost) -> Result<Seat, Overloaded> {
        let since = Instant::now();
        let (seat, mut waiting) = self.enqueue(flow, cost)?;
        let seat = match timeout(PATIENCE, seat).await {
            Ok(Ok(seat)) => seat,
            // It gave way to another flow's.
            Ok(Err(_)) => {
                return Err(Overloaded::Queue { limit: self.places });
            }
            Err(_) => {
                return Err(Overloaded::Wait {
                    seconds: PATIENCE.as_secs(),
                });
            }
        };
        waiting.id = None;
        self.metrics.waited(self.work, since.elapsed());
        Ok(seat)
    }

    /// Takes a place in the queue, or the seat at once where one is free after all.
    fn enqueue(
        self: &Arc<Self>,
        flow: Flow,
        cost: Cost,
    ) -> Result<(oneshot::Receiver<Seat>, WaitingChange<'_>), Overloaded> {
        let (sender, receiver) = oneshot::channel();
        let mut queue = self.queue.lock();
        let added = queue.push(flow, cost.units(), sender)?;
        // Before a look for free seats: who frees one looks here after it did.
        self.waiting.store(queue.len(), Ordering::SeqCst);
        self.hand_out(&mut queue);
        drop(queue);
        let waiting = WaitingChange {
            pool: self,
            flow,
            id: Some(added.id),
        };
        Ok((receiver, waiting))
    }

    /// Gives free seats to those whose turn it is.
    fn hand_out(self: &Arc<Self>, queue: &mut FairQueue<oneshot::Sender<Seat>>) {
        loop {
            let mut units = 0;
            let next = queue.pop(|flow, cost| {
                units = self.units_of(cost);
                self.try_take(flow, units)
            });
            let Some((flow, sender)) = next else { break };
            if let Err(mut seat) = sender.send(self.seat(flow, units)) {
                // Dropped as it is it would ask for the lock that is held.
                seat.pool = None;
                self.give_back(flow, units);
            }
        }
        self.waiting.store(queue.len(), Ordering::SeqCst);
    }

    fn try_take(&self, flow: Flow, units: usize) -> Turn {
        let taken = self.flows.add(flow, units, |held| {
            if held + units > self.units / 2 {
                return Err(Turn::Skip);
            }
            let add = |used: usize| (used + units <= self.units).then_some(used + units);
            match self
                .used
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, add)
            {
                Ok(_before) => Ok(()),
                Err(_used) => Err(Turn::Wait),
            }
        });
        taken.err().unwrap_or(Turn::Take)
    }

    fn seat(self: &Arc<Self>, flow: Flow, units: usize) -> Seat {
        Seat {
            pool: Some(Arc::clone(self)),
            flow,
            units,
        }
    }

    fn give_back(&self, flow: Flow, units: usize) {
        self.flows.subtract(flow, units);
        self.used.fetch_sub(units, Ordering::SeqCst);
    }

    fn free(self: &Arc<Self>, flow: Flow, units: usize) {
        self.give_back(flow, units);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.hand_out(&mut self.queue.lock());
        }
    }
}

/// A change that waits for a seat; leaves the queue when it is dropped, as its caller hung up or ran out of patience.
struct WaitingChange<'a> {
    pool: &'a Arc<SeatPool>,
    flow: Flow,
    /// `None` once it has its seat.
    id: Option<u64>,
}

impl Drop for WaitingChange<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let mut queue = self.pool.queue.lock();
            let _removed = queue.remove(self.flow, id);
            // It may have been the one that all others waited for.
            self.pool.hand_out(&mut queue);
        }
    }
}
