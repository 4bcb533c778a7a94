//! The progress of a run, second by second.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::bench::measure::Latencies;

/// What happened since the last look.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// How long the run has lasted.
    pub elapsed: Duration,
    /// How long ago the last look was.
    pub since: Duration,
    /// Whether this time is not measured.
    pub is_warm_up: bool,
    /// The latencies of operations that were answered since.
    pub latency: Latencies,
    /// How many failed since.
    pub failed: u64,
    /// How many due operations no client has taken yet.
    pub waiting: u64,
}

/// Receives progress.
pub type ProgressSink<'a> = &'a (dyn Fn(&Progress) + Sync);

/// What the threads of a run have done since the last look.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<(Progress, BTreeMap<u32, u64>)>);

impl Tally {
    /// Adds what a thread did.
    pub(super) fn add(&self, thread: u32, latency: &Latencies, failed: u64, waiting: u64) {
        let (sum, waits) = &mut *self.0.lock();
        sum.latency.add(latency);
        sum.failed += failed;
        // How many wait now, not how many waited whenever somebody looked.
        waits.insert(thread, waiting);
    }

    /// Takes what was added.
    pub(super) fn take(&self) -> Progress {
        let (sum, waits) = &mut *self.0.lock();
        Progress {
            waiting: waits.values().sum(),
            ..std::mem::take(sum)
        }
    }
}
