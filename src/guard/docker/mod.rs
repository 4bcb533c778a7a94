//! The Docker guard: what of Docker's records harms the daemons that read them, and which changes of them are none that a
//! daemon makes. What is under no key of Docker's costs a look at its key.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod guarded;
mod judge;
mod metrics;
mod mode;
mod quarantine;
mod refusal_log;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use prometheus_client::registry::Registry;

pub use guarded::GuardedKeyspace;
pub use mode::DockerGuardMode;
pub use quarantine::QuarantinedRecord;

use self::metrics::DockerGuardMetrics;
use self::quarantine::RecordSieve;
use self::refusal_log::DockerRefusalLog;

/// The Docker guard of a gateway, for every keyspace that it serves one after another.
#[derive(Debug)]
pub struct DockerGuard {
    mode: DockerGuardMode,
    metrics: DockerGuardMetrics,
    log: DockerRefusalLog,
    sieve: Arc<RecordSieve>,
}

impl DockerGuard {
    /// A guard that makes its metrics known to a registry.
    pub fn new(mode: DockerGuardMode, registry: &mut Registry) -> Arc<Self> {
        let metrics = DockerGuardMetrics::register(mode, registry);
        Arc::new(Self {
            mode,
            sieve: Arc::new(RecordSieve::new(mode, metrics.clone())),
            metrics,
            log: DockerRefusalLog::default(),
        })
    }

    /// The records that harm daemons, by key, with the reason: kept from clients where the mode says so.
    pub fn quarantined(&self) -> Vec<QuarantinedRecord> {
        self.sieve.quarantined()
    }

    fn enforces(&self) -> bool {
        self.mode == DockerGuardMode::Enforce
    }

    /// How many changes were refused so far, or would have been.
    pub fn refusals(&self) -> u64 {
        self.metrics.refusals()
    }
}
