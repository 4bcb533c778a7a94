//! Recorder of a fleet: the latencies of its steps and requests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::observer::{DockerStep, StepFailure, StepObserver, StepTiming, StoreRequest};
use crate::bench::client::{Failure, Outcome};
use crate::bench::measure::{Latencies, OperationRecord, Timing};

/// What a fleet's steps and requests took.
#[derive(Debug, Default)]
pub struct FleetRecorder {
    steps: Mutex<BTreeMap<DockerStep, OperationRecord>>,
    requests: Mutex<BTreeMap<StoreRequest, OperationRecord>>,
    conflicts: AtomicU64,
    recent: Mutex<RecentSteps>,
}

/// What happened since the last look, for progress.
#[derive(Clone, Debug, Default)]
pub struct RecentSteps {
    /// The latencies of requests, but for those that were parked.
    pub requests: Latencies,
    /// How many steps ended, but for heartbeats and reactions to changes.
    pub steps: u64,
    /// How many steps failed.
    pub failed: u64,
}

/// The records of a fleet.
#[derive(Clone, Debug, Default)]
pub struct FleetRecords {
    /// By step.
    pub steps: BTreeMap<DockerStep, OperationRecord>,
    /// By request.
    pub requests: BTreeMap<StoreRequest, OperationRecord>,
    /// How many writes lost against another host's, and were tried again.
    pub conflicts: u64,
}

impl FleetRecorder {
    /// Takes the records so far; what follows is recorded from the beginning.
    pub fn take(&self) -> FleetRecords {
        FleetRecords {
            steps: std::mem::take(&mut *self.steps.lock()),
            requests: std::mem::take(&mut *self.requests.lock()),
            conflicts: self.conflicts.swap(0, Ordering::Relaxed),
        }
    }

    /// Takes what happened since the last look.
    pub fn recent(&self) -> RecentSteps {
        std::mem::take(&mut *self.recent.lock())
    }
}

impl StepObserver for FleetRecorder {
    fn request(&self, request: StoreRequest, latency: Duration, failure: Option<&Failure>) {
        if request != StoreRequest::Watch && failure.is_none() {
            self.recent.lock().requests.record(latency);
        }
        let mut requests = self.requests.lock();
        let record = requests.entry(request).or_default();
        match failure {
            None => record.record_latency(latency),
            Some(failure) => record.fail(failure.to_string()),
        }
    }

    fn conflict(&self) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
    }

    fn step(&self, step: DockerStep, timing: &StepTiming, failure: Option<&StepFailure>) {
        if !step.is_background() {
            let mut recent = self.recent.lock();
            recent.steps += 1;
            recent.failed += u64::from(failure.is_some());
        }
        let mut steps = self.steps.lock();
        let record = steps.entry(step).or_default();
        let timing = Timing {
            due: timing.due,
            sent: timing.began,
            ended: timing.ended,
        };
        match failure {
            None => record.record(&timing, &Ok(Outcome::default())),
            Some(failure) => record.fail(failure.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn steps_count_from_when_they_were_due_and_failures_are_named() {
        let recorder = FleetRecorder::default();
        let due = Instant::now();
        let began = due + Duration::from_secs(3);
        let ended = began + Duration::from_secs(1);
        let timing = StepTiming { due, began, ended };
        recorder.step(DockerStep::ContainerStart, &timing, None);
        let failure = StepFailure::Race("taken");
        recorder.step(DockerStep::ContainerStart, &timing, Some(&failure));
        recorder.step(DockerStep::Heartbeat, &timing, None);
        recorder.request(StoreRequest::Get, Duration::from_millis(1), None);
        let recent = recorder.recent();
        assert_eq!((recent.steps, recent.failed), (2, 1));
        let records = recorder.take();
        let starts = &records.steps[&DockerStep::ContainerStart];
        assert!((starts.latency.max_us() / 4e6 - 1.0).abs() < 0.001);
        assert_eq!(starts.failures["lost a race: taken"], 1);
        assert_eq!(records.requests[&StoreRequest::Get].answered, 1);
        assert!(recorder.take().steps.is_empty());
    }
}
