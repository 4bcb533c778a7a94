//! Counters of operations on keys, since the gateway began to serve.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters, by operation.
#[derive(Debug, Default)]
pub(in crate::face::etcd) struct Counters {
    /// Reads.
    pub(in crate::face::etcd) gets: OutcomeCounter,
    /// Writes without a condition.
    pub(in crate::face::etcd) sets: OutcomeCounter,
    /// Deletions without a condition.
    pub(in crate::face::etcd) deletes: OutcomeCounter,
    /// Writes with `prevExist=true`.
    pub(in crate::face::etcd) updates: OutcomeCounter,
    /// Writes with `prevExist=false`, and in-order keys.
    pub(in crate::face::etcd) creates: OutcomeCounter,
    /// Writes with `prevIndex` or `prevValue`.
    pub(in crate::face::etcd) compare_and_swaps: OutcomeCounter,
    /// Deletions with `prevIndex` or `prevValue`.
    pub(in crate::face::etcd) compare_and_deletes: OutcomeCounter,
    /// Watches that are open now.
    pub(in crate::face::etcd) watchers: AtomicU64,
}

/// The successes and failures of an operation.
#[derive(Debug, Default)]
pub(in crate::face::etcd) struct OutcomeCounter {
    success: AtomicU64,
    fail: AtomicU64,
}

impl OutcomeCounter {
    /// Counts one.
    pub(in crate::face::etcd) fn count(&self, succeeded: bool) {
        let counter = if succeeded { &self.success } else { &self.fail };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The successes.
    pub(super) fn success(&self) -> u64 {
        self.success.load(Ordering::Relaxed)
    }

    /// The failures.
    pub(super) fn fail(&self) -> u64 {
        self.fail.load(Ordering::Relaxed)
    }
}
