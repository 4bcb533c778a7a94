//! Fairness between clients: fair queues, seats and byte budgets, so that no client can stop or starve the others.
//!
//! Work is weighed before it is done ([`Cost`]). Small work is done at once. Work that grows with the request runs on a
//! *heavy thread* in its client's turn ([`Fairness::run`]), a change takes a *seat* ([`Fairness::seat`]), and what stays in
//! memory is reserved from a *budget* ([`Budget`]). Whatever is refused is refused before it begins ([`Overloaded`]).

mod budget;
mod budget_name;
mod cgroup;
mod collector;
mod cost;
mod fair_queue;
mod flow_counts;
mod heavy_threads;
mod memory_limits;
mod metrics;
mod overloaded;
mod seats;

use std::sync::Arc;

use prometheus_client::registry::Registry;

use self::collector::UseCollector;
use self::heavy_threads::HeavyThreads;
use self::metrics::FairnessMetrics;
use self::seats::Seats;
use crate::model::Flow;

pub use budget::{Budget, Reservation};
pub use budget_name::BudgetName;
pub use cgroup::memory_limit;
pub use cost::Cost;
pub use memory_limits::MemoryLimits;
pub use overloaded::Overloaded;
pub use seats::{ChangeRate, Seat};

/// What all clients of a gateway share, and how it is shared out between them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fairness(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: MemoryLimits,
    heavy: HeavyThreads,
    seats: Seats,
    bodies: Budget,
    answers: Budget,
    watch_queues: Budget,
    metrics: FairnessMetrics,
}

impl Default for Fairness {
    /// With the limits of 4 GiB of memory.
    fn default() -> Self {
        Self::new(MemoryLimits::default())
    }
}

impl Fairness {
    /// With these limits, and a heavy thread for each processor, over a store of this gateway alone.
    pub fn new(limits: MemoryLimits) -> Self {
        Self::over(ChangeRate::OwnDisk, limits)
    }

    /// The same over a store that takes changes at this rate.
    pub fn over(store: ChangeRate, limits: MemoryLimits) -> Self {
        let metrics = FairnessMetrics::default();
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let budget = |name, bytes| Budget::new(name, bytes, metrics.clone());
        Self(Arc::new(Shared {
            limits,
            heavy: HeavyThreads::new(threads, metrics.clone()),
            seats: Seats::new(store, &metrics),
            bodies: budget(BudgetName::Bodies, limits.bodies),
            answers: budget(BudgetName::Answers, limits.answers),
            watch_queues: budget(BudgetName::WatchQueues, limits.watch_queues),
            metrics,
        }))
    }

    /// Makes the families `kubekv_fairness_*` known to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("fairness");
        self.0.metrics.register(registry);
        registry.register_collector(Box::new(UseCollector {
            seats: self.0.seats.clone(),
            heavy: Arc::clone(self.0.heavy.pool()),
            budgets: [
                self.0.bodies.clone(),
                self.0.answers.clone(),
                self.0.watch_queues.clone(),
            ],
        }));
    }

    /// Does work whose cost grows with the request on a heavy thread, in its flow's turn: it waits for that 5 s at most. Exempt
    /// work is next, however much others wait for. If the future is dropped before, the work is not done. A panic in the
    /// work is one in the caller.
    pub async fn run<T: Send + 'static>(
        &self,
        flow: Flow,
        cost: Cost,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Overloaded> {
        self.0.heavy.run(flow, cost, work).await
    }

    /// A seat for a change, to be held until its outcome is known. Costs little where seats are free; else the change waits
    /// for its flow's turn, 5 s at most.
    pub async fn seat(&self, flow: Flow, cost: Cost) -> Result<Seat, Overloaded> {
        self.0.seats.take(flow, cost).await
    }

    /// Request bodies that are being read or decided on.
    pub fn bodies(&self) -> &Budget {
        &self.0.bodies
    }

    /// Answers that are being made, or that their client has not taken yet.
    pub fn answers(&self) -> &Budget {
        &self.0.answers
    }

    /// Encoded events that wait for slow watchers.
    pub fn watch_queues(&self) -> &Budget {
        &self.0.watch_queues
    }

    /// The memory that each kind of use may take.
    pub fn limits(&self) -> &MemoryLimits {
        &self.0.limits
    }
}
