//! Heavy threads: a few threads of low priority for work that grows with the request.
//!
//! The runtime's workers serve all clients: work that is not small would hold up every other request there. Here it holds
//! up only its like, and the kernel prefers the workers, because these threads are niced.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::cost::Cost;
use super::fair_queue::{FairQueue, Turn};
use super::metrics::{FairnessMetrics, Work};
use super::overloaded::Overloaded;
use crate::model::Flow;

/// How long work waits for a thread at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pieces of work that may wait. Each holds a view of the keyspace.
const PLACES: usize = 256;

/// The niceness of the threads: the kernel gives a worker of the runtime nine times as much of a processor.
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// The heavy threads. They are started with the first piece of work, and end when this is dropped.
#[derive(Debug)]
pub(super) struct HeavyThreads {
    pool: Arc<HeavyPool>,
    count: usize,
    /// Whether there are any; threads can be forbidden.
    started: OnceLock<bool>,
}

/// What the threads share.
#[derive(Debug)]
pub(super) struct HeavyPool {
    state: Mutex<State>,
    /// Wakes a thread for any work.
    wake: Condvar,
    /// Wakes the thread for exempt work alone.
    wake_exempt: Condvar,
    /// How many threads one flow may occupy: all but one.
    share: usize,
    metrics: FairnessMetrics,
}

struct State {
    queue: FairQueue<Job>,
    /// Work of [`Flow::Exempt`], which goes first: as much as there are changes that have begun.
    exempt: VecDeque<Job>,
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
enum Lane {
    /// All of it; exempt work first.
    All,
    /// Exempt work alone, so that it waits for no client's.
    Exempt,
}

impl HeavyThreads {
    /// So many threads, and never fewer than two: one is left for the others whatever a flow does. One more is for exempt work
    /// alone.
    pub(super) fn new(count: usize, metrics: FairnessMetrics) -> Self {
        let count = count.max(2);
        Self {
            pool: Arc::new(HeavyPool {
                state: Mutex::new(State {
                    queue: FairQueue::new(PLACES),
                    exempt: VecDeque::new(),
                    running: HashMap::new(),
                    ended: false,
                }),
                wake: Condvar::new(),
                wake_exempt: Condvar::new(),
                share: count - 1,
                metrics,
            }),
            count,
            started: OnceLock::new(),
        }
    }

    /// What the threads share.
    pub(super) fn pool(&self) -> &Arc<HeavyPool> {
        &self.pool
    }

    /// Does work on one of the threads, in the flow's turn; an exempt flow's next of all, and it is never refused. Work whose
    /// caller has gone before its turn is not done. A panic in it is the caller's.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        flow: Flow,
        cost: Cost,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Overloaded> {
        if !self.start() {
            let done = tokio::task::spawn_blocking(work).await;
            return done.map_err(|error| match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime shuts down.
                Err(_) => Overloaded::Stopping,
            });
        }
        let (sender, receiver) = oneshot::channel();
        let job = self.pool.job(work, sender);
        let done = match flow {
            Flow::Exempt => self.pool.next(job, receiver).await,
            Flow::Address(_) | Flow::Identity(_) => {
                self.pool.queue(flow, cost, job, receiver).await
            }
        };
        match done.inspect_err(|overloaded| self.pool.metrics.refused(*overloaded))? {
            Ok(result) => Ok(result),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Starts the threads once; false where none could be started.
    fn start(&self) -> bool {
        *self.started.get_or_init(|| {
            let numbers = 0..self.count;
            let started = numbers.filter(|number| self.start_one(&number.to_string(), Lane::All));
            let started = started.count();
            // Where this one is missing, exempt work waits for one of the others.
            let _started = self.start_one("exempt", Lane::Exempt);
            started > 0
        })
    }

    fn start_one(&self, name: &str, lane: Lane) -> bool {
        let pool = Arc::clone(&self.pool);
        let thread = std::thread::Builder::new().name(format!("kubekv-heavy-{name}"));
        let started = thread.spawn(move || pool.work(lane));
        if let Err(error) = &started {
            tracing::error!(%error, "cannot start a thread for heavy work");
        }
        started.is_ok()
    }
}

impl Drop for HeavyThreads {
    fn drop(&mut self) {
        self.pool.state.lock().ended = true;
        self.pool.wake.notify_all();
        self.pool.wake_exempt.notify_all();
    }
}

/// What work came to: its result, or its panic.
type Done<T> = Result<T, Box<dyn Any + Send>>;

impl HeavyPool {
    /// How many threads work, and how many pieces of work wait.
    pub(super) fn running_and_waiting(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.running.values().sum(), state.waiting())
    }

    /// Work as the threads do it.
    fn job<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
        answer: oneshot::Sender<Done<T>>,
    ) -> Job {
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
    async fn next<T>(&self, job: Job, done: oneshot::Receiver<T>) -> Result<T, Overloaded> {
        self.state.lock().exempt.push_back(job);
        self.wake_exempt.notify_one();
        // It may be busy.
        self.wake.notify_one();
        done.await.map_err(|_ended| Overloaded::Stopping)
    }

    /// Waits for a job's turn, with patience, and for its end.
    async fn queue<T>(
        &self,
        flow: Flow,
        cost: Cost,
        job: Job,
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
    fn take(&self, state: &mut State, lane: Lane) -> Option<(Flow, Job)> {
        if let Some(job) = state.exempt.pop_front() {
            return Some((Flow::Exempt, job));
        }
        let State { queue, running, .. } = state;
        match lane {
            Lane::Exempt => None,
            Lane::All => queue.pop(|flow, _| match running.get(&flow) {
                Some(occupied) if *occupied >= self.share => Turn::Skip,
                Some(_) | None => Turn::Take,
            }),
        }
    }

    /// Does jobs until the end.
    fn work(&self, lane: Lane) {
        lower_priority();
        let wake = match lane {
            Lane::All => &self.wake,
            Lane::Exempt => &self.wake_exempt,
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tokio::task::JoinSet;

    use super::*;

    fn flow(host: u8) -> Flow {
        Flow::of_address(IpAddr::from([10, 0, 0, host]))
    }

    fn threads() -> Arc<HeavyThreads> {
        Arc::new(HeavyThreads::new(2, FairnessMetrics::default()))
    }

    /// Occupies a thread until the sender is dropped; returns when it does.
    async fn occupy(
        threads: &Arc<HeavyThreads>,
        flow: Flow,
        tasks: &mut JoinSet<()>,
    ) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel::<()>();
        let (started, mut starts) = tokio::sync::mpsc::unbounded_channel();
        let threads = Arc::clone(threads);
        tasks.spawn(async move {
            let block = move || {
                started.send(()).unwrap();
                released.recv().unwrap_err();
            };
            threads.run(flow, Cost::SMALL, block).await.unwrap();
        });
        starts.recv().await.unwrap();
        release
    }

    /// Lets a flow's jobs wait for their turn; each counts when it is done.
    async fn queue(
        threads: &Arc<HeavyThreads>,
        flow: Flow,
        jobs: usize,
        tasks: &mut JoinSet<()>,
    ) -> Arc<AtomicUsize> {
        let done = Arc::new(AtomicUsize::new(0));
        let (_, before) = threads.pool.running_and_waiting();
        for _ in 0..jobs {
            let (threads, done) = (Arc::clone(threads), Arc::clone(&done));
            tasks.spawn(async move {
                let count = move || done.fetch_add(1, Ordering::SeqCst);
                threads.run(flow, Cost::new(64, 0), count).await.unwrap();
            });
        }
        while threads.pool.running_and_waiting().1 < before + jobs {
            tokio::task::yield_now().await;
        }
        done
    }

    #[tokio::test]
    async fn a_flow_with_many_jobs_delays_no_other_flow() {
        let threads = threads();
        let mut tasks = JoinSet::new();
        let release = occupy(&threads, flow(1), &mut tasks).await;
        let done = queue(&threads, flow(1), 60, &mut tasks).await;
        for answer in 0..10 {
            let own = threads.run(flow(2), Cost::new(1_000_000, 0), move || answer);
            assert_eq!(own.await, Ok(answer));
        }
        // A flow occupies all threads but one.
        assert_eq!(done.load(Ordering::SeqCst), 0);
        drop(release);
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        assert_eq!(done.load(Ordering::SeqCst), 60);
    }

    #[tokio::test]
    async fn flows_take_turns_when_all_threads_are_busy() {
        let threads = threads();
        let mut tasks = JoinSet::new();
        let first = occupy(&threads, flow(1), &mut tasks).await;
        let second = occupy(&threads, flow(2), &mut tasks).await;
        let many = [
            queue(&threads, flow(1), 60, &mut tasks).await,
            queue(&threads, flow(2), 60, &mut tasks).await,
        ];
        let own = {
            let many = many.clone();
            let count = move || many.map(|done| done.load(Ordering::SeqCst));
            let threads = Arc::clone(&threads);
            tokio::spawn(async move { threads.run(flow(3), Cost::SMALL, count).await })
        };
        while threads.pool.running_and_waiting().1 < 121 {
            tokio::task::yield_now().await;
        }
        drop(second);
        let before = own.await.unwrap().unwrap();
        assert!(before.iter().sum::<usize>() <= 1, "{before:?}");
        drop(first);
    }

    #[tokio::test]
    async fn work_is_not_done_for_a_caller_who_has_gone() {
        let threads = threads();
        let mut tasks = JoinSet::new();
        let release = occupy(&threads, flow(1), &mut tasks).await;
        let mut gone = JoinSet::new();
        let done = queue(&threads, flow(1), 5, &mut gone).await;
        gone.shutdown().await;
        assert_eq!(threads.pool.running_and_waiting(), (1, 0));
        drop(release);
        threads.run(flow(1), Cost::SMALL, || ()).await.unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_is_the_callers_and_the_thread_goes_on() {
        let threads = threads();
        for _ in 0..4 {
            let threads = Arc::clone(&threads);
            let broken = async move {
                let broken = || panic!("a bug in a test");
                threads.run(flow(1), Cost::SMALL, broken).await
            };
            let ended: Result<Result<(), _>, _> = tokio::spawn(broken).await;
            assert!(ended.unwrap_err().is_panic());
        }
        assert_eq!(threads.run(flow(1), Cost::SMALL, || 1).await, Ok(1));
        while threads.pool.running_and_waiting() != (0, 0) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_flow_has_so_many_places_and_the_gateway_itself_needs_none() {
        let threads = threads();
        let mut tasks = JoinSet::new();
        let _first = occupy(&threads, flow(1), &mut tasks).await;
        let _second = occupy(&threads, flow(2), &mut tasks).await;
        let _done = queue(&threads, flow(1), PLACES / 4, &mut tasks).await;
        let refused = threads.run(flow(1), Cost::SMALL, || 1).await.unwrap_err();
        assert_eq!(refused, Overloaded::QueueOfClient { limit: 64 });
        assert_eq!(threads.pool.metrics.refusals(refused), 1);
        assert_eq!(threads.run(Flow::Exempt, Cost::SMALL, || 1).await, Ok(1));
    }

    #[tokio::test]
    async fn exempt_work_is_next_and_is_not_done_for_a_caller_who_has_gone() {
        let threads = threads();
        let mut tasks = JoinSet::new();
        let first = occupy(&threads, flow(1), &mut tasks).await;
        let _second = occupy(&threads, flow(2), &mut tasks).await;
        // Its own thread is left for it; after that it waits for one of the others.
        let _own = occupy(&threads, Flow::Exempt, &mut tasks).await;
        let others = queue(&threads, flow(2), 10, &mut tasks).await;
        let mut gone = JoinSet::new();
        let not_done = queue(&threads, Flow::Exempt, 1, &mut gone).await;
        gone.shutdown().await;
        let seen = {
            let (threads, others) = (Arc::clone(&threads), Arc::clone(&others));
            let count = move || others.load(Ordering::SeqCst);
            tokio::spawn(async move { threads.run(Flow::Exempt, Cost::SMALL, count).await })
        };
        while threads.pool.running_and_waiting().1 < 12 {
            tokio::task::yield_now().await;
        }
        drop(first);
        assert_eq!(seen.await.unwrap(), Ok(0), "before all others that wait");
        assert_eq!(not_done.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn work_waits_no_longer_than_clients_do() {
        let threads = threads();
        let mut tasks = JoinSet::new();
        let _first = occupy(&threads, flow(1), &mut tasks).await;
        tokio::time::pause();
        let waited = threads.run(flow(1), Cost::SMALL, || 1).await;
        assert_eq!(waited, Err(Overloaded::Wait { seconds: 5 }));
        assert_eq!(threads.pool.running_and_waiting(), (1, 0));
    }

    #[tokio::test]
    async fn threads_are_niced_and_end_with_the_gateway() {
        let threads = threads();
        let niceness = || {
            let thread = rustix::thread::gettid();
            rustix::process::getpriority_process(Some(thread)).unwrap()
        };
        for flow in [flow(1), Flow::Exempt] {
            let heavy = threads.run(flow, Cost::SMALL, niceness).await.unwrap();
            assert!(heavy >= NICENESS, "{heavy}");
        }
        let pool = Arc::downgrade(&threads.pool);
        drop(threads);
        while pool.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
