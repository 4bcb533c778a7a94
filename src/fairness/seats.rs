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
use super::metrics::{FairnessMetrics, Work};
use super::overloaded::Overloaded;
use crate::model::Flow;

/// How long a change waits for a seat at most: less than Consul's 7 s, after which its clients get as an error that there is no
/// leader.
const PATIENCE: Duration = Duration::from_secs(5);

/// The units of small changes, of which a flow takes at most half.
const SMALL_UNITS: usize = 1024;

/// The same on a shared store, which takes hundreds of changes a second: whoever comes later waits for all that another
/// flow has on its way.
const SMALL_UNITS_SHARED: usize = 128;

/// The small changes that may wait.
const SMALL_PLACES: usize = 8192;

/// The units of all other changes together: 8,192 entries, or 2 MiB. One that is as large takes them all: whatever is
/// decided behind two such changes would wait for both.
const WIDE_UNITS: usize = 128;

/// The same on a shared store, which takes as long for a MiB as a disk for several.
const WIDE_UNITS_SHARED: usize = 64;

/// The wide changes that may wait.
const WIDE_PLACES: usize = 256;

/// The seats of changes. Small changes and wide ones have seats of their own, so that a small change never waits for a
/// wide one to end.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    small: Arc<SeatPool>,
    wide: Arc<SeatPool>,
}

/// How fast the store takes changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangeRate {
    /// As fast as a disk of its own.
    #[default]
    OwnDisk,
    /// As fast as another server answers.
    SharedStore,
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
    /// How many of them a flow may take.
    units_of_flow: usize,
    /// How many changes may wait.
    places: usize,
    used: AtomicUsize,
    flows: FlowCounts,
    queue: Mutex<FairQueue<oneshot::Sender<Seat>>>,
    /// As long as the queue; written under its lock.
    waiting: AtomicUsize,
    metrics: FairnessMetrics,
}

impl Seats {
    pub(super) fn new(store: ChangeRate, metrics: &FairnessMetrics) -> Self {
        let (small, wide) = match store {
            ChangeRate::OwnDisk => (SMALL_UNITS, WIDE_UNITS),
            ChangeRate::SharedStore => (SMALL_UNITS_SHARED, WIDE_UNITS_SHARED),
        };
        let small = (small, small / 2);
        let wide = (wide, wide);
        let pool = |work, units, places| Arc::new(SeatPool::new(work, units, places, metrics));
        Self {
            small: pool(Work::SmallChange, small, SMALL_PLACES),
            wide: pool(Work::WideChange, wide, WIDE_PLACES),
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
    fn new(
        work: Work,
        (units, units_of_flow): (usize, usize),
        places: usize,
        metrics: &FairnessMetrics,
    ) -> Self {
        Self {
            work,
            units,
            units_of_flow,
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
            .min(self.units_of_flow)
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
            if held + units > self.units_of_flow {
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

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::net::IpAddr;

    use super::*;

    fn flow(host: u8) -> Flow {
        Flow::of_address(IpAddr::from([10, 0, 0, host]))
    }

    /// The seat, if there is one without waiting.
    async fn at_once(seat: impl Future<Output = Result<Seat, Overloaded>>) -> Option<Seat> {
        tokio::select! {
            biased;
            seat = seat => seat.ok(),
            () = std::future::ready(()) => None,
        }
    }

    /// All seats that a flow gets without waiting.
    async fn all_at_once(seats: &Seats, flow: Flow, cost: Cost) -> Vec<Seat> {
        let mut taken = Vec::new();
        while let Some(seat) = at_once(seats.take(flow, cost)).await {
            taken.push(seat);
        }
        taken
    }

    fn used_and_waiting(seats: &Seats) -> [(usize, usize); 2] {
        seats.pools().map(|pool| (pool.used(), pool.waiting()))
    }

    #[tokio::test]
    async fn a_flow_that_floods_leaves_half() {
        let seats = Seats::new(ChangeRate::OwnDisk, &FairnessMetrics::default());
        let flood = all_at_once(&seats, flow(1), Cost::SMALL).await;
        let others = all_at_once(&seats, flow(2), Cost::SMALL).await;
        assert_eq!((flood.len(), others.len()), (512, 512));
        // The two that did not wait have left the queue.
        assert_eq!(used_and_waiting(&seats), [(1024, 0), (0, 0)]);
        drop((flood, others));
        assert_eq!(used_and_waiting(&seats), [(0, 0), (0, 0)]);
    }

    #[tokio::test]
    async fn a_flow_has_fewer_changes_on_their_way_to_a_shared_store() {
        let seats = Seats::new(ChangeRate::SharedStore, &FairnessMetrics::default());
        let flood = all_at_once(&seats, flow(1), Cost::SMALL).await;
        let others = all_at_once(&seats, flow(2), Cost::SMALL).await;
        assert_eq!((flood.len(), others.len()), (64, 64));
    }

    #[tokio::test]
    async fn wide_changes_leave_the_seats_of_small_ones() {
        let seats = Seats::new(ChangeRate::OwnDisk, &FairnessMetrics::default());
        let widest = Cost::new(1_000_000, 0);
        // Wider than there are seats: it takes all.
        let first = all_at_once(&seats, flow(1), widest).await;
        let second = all_at_once(&seats, flow(2), Cost::new(64, 0)).await;
        assert_eq!((first.len(), second.len()), (1, 0));
        assert!(at_once(seats.take(flow(1), Cost::SMALL)).await.is_some());
        assert!(at_once(seats.take(Flow::Exempt, widest)).await.is_some());
    }

    #[tokio::test]
    async fn seats_that_are_freed_go_to_whose_turn_it_is() {
        let seats = Seats::new(ChangeRate::OwnDisk, &FairnessMetrics::default());
        let mut flood = all_at_once(&seats, flow(1), Cost::SMALL).await;
        let mut others = all_at_once(&seats, flow(2), Cost::SMALL).await;
        let mut waiting = tokio::task::JoinSet::new();
        for host in [1, 1, 1, 3] {
            let seats = seats.clone();
            waiting.spawn(async move {
                let seat = seats.take(flow(host), Cost::SMALL).await;
                (host, seat.unwrap())
            });
        }
        tokio::task::yield_now().await;
        assert_eq!(used_and_waiting(&seats)[0], (1024, 4));
        // Flow 1 still has half: the newcomer overtakes it.
        drop(others.pop());
        let (host, _seat) = waiting.join_next().await.unwrap().unwrap();
        assert_eq!((host, used_and_waiting(&seats)[0]), (3, (1024, 3)));
        drop(flood.pop());
        let (host, _seat) = waiting.join_next().await.unwrap().unwrap();
        assert_eq!((host, used_and_waiting(&seats)[0]), (1, (1024, 2)));
        // Whoever hangs up leaves.
        waiting.shutdown().await;
        assert_eq!(used_and_waiting(&seats)[0], (1024, 0));
    }

    #[tokio::test]
    async fn a_small_change_does_not_overtake_a_wide_one_of_its_own_flow() {
        let seats = Seats::new(ChangeRate::OwnDisk, &FairnessMetrics::default());
        let wide = |units: usize| Cost::new(64 * (units - 1), 0);
        let _first = at_once(seats.take(flow(1), wide(64))).await.unwrap();
        let _second = at_once(seats.take(flow(2), wide(50))).await.unwrap();
        let mut waits = Box::pin(seats.take(flow(3), wide(50)));
        assert!(at_once(&mut waits).await.is_none());
        // There would be room for it.
        assert!(at_once(seats.take(flow(3), wide(2))).await.is_none());
        drop(waits);
        assert!(at_once(seats.take(flow(3), wide(2))).await.is_some());
    }

    #[tokio::test]
    async fn a_seat_whose_turn_comes_as_its_client_hangs_up_is_free() {
        let seats = Seats::new(ChangeRate::OwnDisk, &FairnessMetrics::default());
        let mut held = all_at_once(&seats, flow(1), Cost::SMALL).await;
        held.extend(all_at_once(&seats, flow(2), Cost::SMALL).await);
        let (seat, waiting) = seats.small.enqueue(flow(3), Cost::SMALL).unwrap();
        drop(seat);
        drop(held.pop());
        assert_eq!(used_and_waiting(&seats)[0], (1023, 0));
        drop(waiting);
        assert_eq!(used_and_waiting(&seats)[0], (1023, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_waits_no_longer_than_clients_do() {
        let metrics = FairnessMetrics::default();
        let seats = Seats::new(ChangeRate::OwnDisk, &metrics);
        let _flood = all_at_once(&seats, flow(1), Cost::SMALL).await;
        let refused = seats.take(flow(1), Cost::SMALL).await.unwrap_err();
        assert_eq!(refused, Overloaded::Wait { seconds: 5 });
        assert_eq!(metrics.refusals(refused), 1);
        assert_eq!(used_and_waiting(&seats)[0], (512, 0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_change_waits_while_seats_are_free() {
        let metrics = FairnessMetrics::default();
        let pool = Arc::new(SeatPool::new(Work::SmallChange, (4, 2), 4096, &metrics));
        let mut tasks = tokio::task::JoinSet::new();
        for host in 0..32 {
            let pool = Arc::clone(&pool);
            tasks.spawn(async move {
                for turn in 0..200 {
                    let cost = Cost::new(64 * (turn % 2), 0);
                    let seat = pool.take(flow(host / 4), cost).await.unwrap();
                    if turn % 16 == 0 {
                        tokio::task::yield_now().await;
                    }
                    drop(seat);
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert_eq!((pool.used(), pool.waiting()), (0, 0));
    }
}
