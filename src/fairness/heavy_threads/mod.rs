//! Heavy threads: a few threads of low priority for work that grows with the request.
//!
//! The runtime's workers serve all clients: work that is not small would hold up every other request there. Here it holds
//! up only its like, and the kernel prefers the workers, because these threads are niced.

mod heavy_pool;

use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;

use self::heavy_pool::HeavyLane;
pub(super) use self::heavy_pool::HeavyPool;
use super::cost::Cost;
use super::metrics::FairnessMetrics;
use super::overloaded::Overloaded;
use crate::model::Flow;

/// The heavy threads. They are started with the first piece of work, and end when this is dropped.
#[derive(Debug)]
pub(super) struct HeavyThreads {
    pool: Arc<HeavyPool>,
    count: usize,
    /// Whether there are any; threads can be forbidden.
    started: OnceLock<bool>,
}

impl HeavyThreads {
    /// So many threads, and never fewer than two: one is left for the others whatever a flow does. One more is for exempt work
    /// alone.
    pub(super) fn new(count: usize, metrics: FairnessMetrics) -> Self {
        let count = count.max(2);
        Self {
            pool: Arc::new(HeavyPool::new(count - 1, metrics)),
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
            let started =
                numbers.filter(|number| self.start_one(&number.to_string(), HeavyLane::All));
            let started = started.count();
            // Where this one is missing, exempt work waits for one of the others.
            let _started = self.start_one("exempt", HeavyLane::Exempt);
            started > 0
        })
    }

    fn start_one(&self, name: &str, lane: HeavyLane) -> bool {
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
        self.pool.end();
    }
}

#[cfg(test)]
mod tests;
