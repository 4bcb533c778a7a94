//! Tally of what a fleet reports.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kubekv::bench::client::Failure;
use kubekv::bench::docker::observer::{
    DockerStep, StepFailure, StepObserver, StepTiming, StoreRequest,
};
use parking_lot::Mutex;

/// Counts steps, requests and conflicts, and keeps failures.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    steps: Mutex<BTreeMap<DockerStep, u64>>,
    requests: AtomicU64,
    lists: AtomicU64,
    conflicts: AtomicU64,
    failures: Mutex<Vec<String>>,
    /// How many heartbeats there were before the first daemon had started.
    before_starts: Mutex<Option<u64>>,
}

impl Tally {
    pub(crate) fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    /// How many lists were answered.
    pub(crate) fn lists(&self) -> u64 {
        self.lists.load(Ordering::Relaxed)
    }

    pub(crate) fn steps(&self, step: DockerStep) -> u64 {
        self.steps.lock().get(&step).copied().unwrap_or_default()
    }

    pub(crate) fn heartbeats_before_starts(&self) -> Option<u64> {
        *self.before_starts.lock()
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().clone()
    }
}

impl StepObserver for Tally {
    fn request(&self, request: StoreRequest, _latency: Duration, failure: Option<&Failure>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let is_list = request == StoreRequest::List && failure.is_none();
        self.lists.fetch_add(u64::from(is_list), Ordering::Relaxed);
        let failure = failure.map(|failure| format!("{}: {failure}", request.name()));
        self.failures.lock().extend(failure);
    }

    fn conflict(&self) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
    }

    fn step(&self, step: DockerStep, _timing: &StepTiming, failure: Option<&StepFailure>) {
        if step == DockerStep::DaemonStart {
            let heartbeats = self.steps(DockerStep::Heartbeat);
            self.before_starts.lock().get_or_insert(heartbeats);
        }
        *self.steps.lock().entry(step).or_default() += 1;
        let failure = failure.map(|failure| format!("{}: {failure}", step.name()));
        self.failures.lock().extend(failure);
    }
}
