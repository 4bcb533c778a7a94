//! `HeavyPool`: the queue of heavy work, and the loop of a thread that does it.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::fairness::cost::Cost;
use crate::fairness::fair_queue::{FairQueue, Turn};
use crate::fairness::metrics::{FairnessMetrics, Work};
use crate::fairness::overloaded::Overloaded;
use crate::model::Flow;

/// How long work waits for a thread at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pieces of work that may wait. Each holds a view of the keyspace.
pub(super) const PLACES: usize = 256;

/// The niceness of the threads: the kernel gives a worker of the runtime nine times as much of a processor.
pub(super) const NICENESS: i32 = 10;

pub(super) type HeavyJob = Box<dyn FnOnce() + Send>;

/// What the threads share.
#[derive(Debug)]
pub(crate) struct HeavyPool {
    state: Mutex<State>,
    /// Wakes a thread for any work.
    wake: Condvar,
    /// Wakes the thread for exempt work alone.
    wake_exempt: Condvar,
    /// How many threads one flow may occupy: all but one.
    share: usize,
    pub(super) metrics: FairnessMetrics,
}

struct State {
    queue: FairQueue<HeavyJob>,
    /// Work of [`Flow::Exempt`], which goes first: as much as there are changes that have begun.
    exempt: VecDeque<HeavyJob>,
    /// The threads that each flow occupies.
    running: HashMap<Flow, usize>,
    ended: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("State")
            .field("waiting", &self.waiting())
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl State {
    fn waiting(&self) -> usize {
        self.queue.len() + self.exempt.len()
    }
}

/// Which work a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeavyLane {
    /// All of it; exempt work first.
    All,
    /// Exempt work alone, so that it waits for no client's.
    Exempt,
}

/// What work came to: its result, or its panic.
pub(super) type WorkDone<T> = Result<T, Box<dyn Any + Send>>;

impl HeavyPool {
    /// A pool without work, of which one flow may occupy so many threads.
    pub(super) fn new(share: usize, metrics: FairnessMetrics) -> Self {
        Self {
            state: Mutex::new(State {
                queue: FairQueue::new(PLACES),
                exempt: VecDeque::new(),
                running: HashMap::new(),
                ended: false,
            }),
            wake: Condvar::new(),
            wake_exempt: Condvar::new(),
            share,
            metrics,
        }
    }

    /// Ends the threads, each after the job that it does.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
        self.wake.notify_all();
        self.wake_exempt.notify_all();
    }

    /// How many threads work, and how many pieces of work wait.
    pub(crate) fn running_and_waiting(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.running.values().sum(), state.waiting())
    }

    /// Work as the threads do it.
    pub(super) fn job<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
        answer: oneshot::Sender<WorkDone<T>>,
    ) -> HeavyJob {
        let queued = Instant::now();
        let metrics = self.metrics.clone();
        Box::new(move || {
            if answer.is_closed() {
                return;
            }
            metrics.waited(Work::Heavy, queued.elapsed());
            // The caller gets the panic; nothing that it broke is used again.
            let done = catch_unwind(AssertUnwindSafe(work));
            // A caller that has gone wants no answer.
            let _gone = answer.send(done);
        })
    }

    /// Waits for the end of an exempt job, which is the next that is done.
    pub(super) async fn next<T>(
        &self,
        job: HeavyJob,
        done: oneshot::Receiver<T>,
    ) -> Result<T, Overloaded> {
        self.state.lock().exempt.push_back(job);
        self.wake_exempt.notify_one();
        // It may be busy.
        self.wake.notify_one();
        done.await.map_err(|_ended| Overloaded::Stopping)
    }

    /// Waits for a job's turn, with patience, and for its end.
    pub(super) async fn queue<T>(
        &self,
        flow: Flow,
        cost: Cost,
        job: HeavyJob,
        mut done: oneshot::Receiver<T>,
    ) -> Result<T, Overloaded> {
        let added = self.state.lock().queue.push(flow, cost.units(), job)?;
        self.wake.notify_one();
        let waiting = WaitingJob {
            pool: self,
            flow,
            id: added.id,
        };
        // What gave way: its caller gets an error for it.
        drop(added.evicted);
        let done = match timeout(PATIENCE, &mut done).await {
            Ok(done) => done,
            Err(_) if waiting.leave() => {
                return Err(Overloaded::Wait {
                    seconds: PATIENCE.as_secs(),
                });
            }
            // It is being done.
            Err(_) => done.await,
        };
        done.map_err(|_gave_way| Overloaded::Queue { limit: PLACES })
    }

    /// The next job of a lane.
    fn take(&self, state: &mut State, lane: HeavyLane) -> Option<(Flow, HeavyJob)> {
        if let Some(job) = state.exempt.pop_front() {
            return Some((Flow::Exempt, job));
        }
        let State { queue, running, .. } = state;
        match lane {
            HeavyLane::Exempt => None,
            HeavyLane::All => queue.pop(|flow, _| match running.get(&flow) {
                Some(occupied) if *occupied >= self.share => Turn::Skip,
                Some(_) | None => Turn::Take,
            }),
        }
    }

    /// Does jobs until the end.
    pub(super) fn work(&self, lane: HeavyLane) {
        lower_priority();
        let wake = match lane {
            HeavyLane::All => &self.wake,
            HeavyLane::Exempt => &self.wake_exempt,
        };
        let mut state = self.state.lock();
        while !state.ended {
            let Some((flow, job)) = self.take(&mut state, lane) else {
                wake.wait(&mut state);
                continue;
            };
            *state.running.entry(flow).or_default() += 1;
            MutexGuard::unlocked(&mut state, job);
            if let Some(occupied) = state.running.get_mut(&flow) {
                *occupied -= 1;
                if *occupied == 0 {
                    state.running.remove(&flow);
                }
            }
        }
    }
}

/// A job that waits for its turn; leaves the queue when it is dropped, as its caller hung up.
struct WaitingJob<'a> {
    pool: &'a HeavyPool,
    flow: Flow,
    id: u64,
}

impl WaitingJob<'_> {
    /// Leaves the queue; false where its turn has come.
    fn leave(&self) -> bool {
        let removed = self.pool.state.lock().queue.remove(self.flow, self.id);
        removed.is_some()
    }
}

impl Drop for WaitingJob<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Lets the kernel prefer all other threads to this one.
fn lower_priority() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICENESS) {
        tracing::debug!(%error, "cannot lower the priority of a thread for heavy work");
    }
}
