//! The recorder of a thread: what came of each operation.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Latencies;
use crate::bench::client::{Failure, Outcome};
use crate::bench::operation::Operation;

/// The most different failures that are told apart.
const MOST_FAILURES: usize = 20;

/// When an operation was due, sent and answered.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// When it was to be sent.
    pub due: Instant,
    /// When it was sent.
    pub sent: Instant,
    /// When it ended.
    pub ended: Instant,
}

/// The record of one kind of operation.
#[derive(Clone, Debug, Default)]
pub struct OperationRecord {
    /// From when each was due until it was answered.
    pub latency: Latencies,
    /// From when each was sent until it was answered.
    pub service: Latencies,
    /// How many were answered, conflicts included.
    pub answered: u64,
    /// How many of these were due in time, and answered after the end: they are in no rate.
    pub after_end: u64,
    /// How many compare-and-swaps lost against another write.
    pub conflicts: u64,
    /// The bytes of the answers.
    pub bytes: u64,
    /// How many failed, by the failure.
    pub failures: BTreeMap<String, u64>,
}

impl OperationRecord {
    /// Records what came of one.
    pub fn record(&mut self, timing: &Timing, result: &Result<Outcome, Failure>) {
        match result {
            Ok(outcome) => {
                self.answered += 1;
                self.conflicts += u64::from(outcome.conflict);
                self.bytes = self.bytes.saturating_add(outcome.bytes);
                self.latency.record(since(timing.ended, timing.due));
                self.service.record(since(timing.ended, timing.sent));
            }
            Err(failure) => self.fail(failure.to_string()),
        }
    }

    /// Records one that was sent when it was due, and answered.
    pub fn record_latency(&mut self, latency: Duration) {
        self.answered += 1;
        self.latency.record(latency);
        self.service.record(latency);
    }

    /// Records one that failed.
    pub fn fail(&mut self, failure: String) {
        let known = self.failures.len() < MOST_FAILURES || self.failures.contains_key(&failure);
        let name = if known {
            failure
        } else {
            "other failures".to_owned()
        };
        *self.failures.entry(name).or_default() += 1;
    }

    /// How many failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Adds another record.
    pub fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.service.add(&other.service);
        self.answered += other.answered;
        self.after_end += other.after_end;
        self.conflicts += other.conflicts;
        self.bytes = self.bytes.saturating_add(other.bytes);
        for (failure, count) in &other.failures {
            *self.failures.entry(failure.clone()).or_default() += count;
        }
    }
}

/// The records of a thread.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// By operation.
    pub operations: BTreeMap<Operation, OperationRecord>,
    /// How late the client sent operations although a connection was free.
    pub lateness: Latencies,
}

impl Recorder {
    /// Records what came of an operation of a run that ended at `end`.
    pub fn record(
        &mut self,
        operation: Operation,
        timing: &Timing,
        result: &Result<Outcome, Failure>,
        end: Instant,
    ) {
        let record = self.operations.entry(operation).or_default();
        record.record(timing, result);
        record.after_end += u64::from(result.is_ok() && timing.ended > end);
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        for (operation, record) in &other.operations {
            self.operations.entry(*operation).or_default().add(record);
        }
        self.lateness.add(&other.lateness);
    }
}

fn since(later: Instant, earlier: Instant) -> Duration {
    later.saturating_duration_since(earlier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stalled_server_is_charged_from_when_requests_were_due() {
        let due = Instant::now();
        let sent = due + Duration::from_secs(2);
        let ended = sent + Duration::from_millis(1);
        let mut record = OperationRecord::default();
        let timing = Timing { due, sent, ended };
        record.record(&timing, &Ok(Outcome::of_bytes(5)));
        assert!((record.latency.max_us() / 2_001_000.0 - 1.0).abs() < 0.001);
        assert!((record.service.max_us() / 1_000.0 - 1.0).abs() < 0.001);
    }

    #[test]
    fn failures_are_counted_by_their_text_up_to_a_bound() {
        let mut record = OperationRecord::default();
        for number in 0..100 {
            record.fail(format!("failure {number}"));
            record.fail("failure 0".to_owned());
        }
        assert_eq!(record.failed(), 200);
        assert_eq!(record.failures.len(), MOST_FAILURES + 1);
        assert_eq!(record.failures["failure 0"], 101);
    }
}
