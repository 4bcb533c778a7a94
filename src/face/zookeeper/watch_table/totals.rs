//! `WatchTotals`: the watches of all connections, for four-letter words and metrics.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts of watches over all connections. They return to 0 with the last connection.
#[derive(Debug, Default)]
pub(crate) struct WatchTotals {
    watches: AtomicUsize,
    bytes: AtomicUsize,
}

/// What one connection has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WatchCounts {
    pub(super) watches: usize,
    pub(super) bytes: usize,
}

impl WatchTotals {
    /// How many watches there are, as ZooKeeper's `watch_count` counts them: a persistent one is two.
    pub(crate) fn watches(&self) -> usize {
        self.watches.load(Ordering::Relaxed)
    }

    /// About how many bytes of memory they take.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn replace(&self, before: WatchCounts, after: WatchCounts) {
        replace(&self.watches, before.watches, after.watches);
        replace(&self.bytes, before.bytes, after.bytes);
    }
}

/// Each connection takes away only what it added, so a total is never below 0 in the end; in between it wraps.
fn replace(total: &AtomicUsize, before: usize, after: usize) {
    if before != after {
        total.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }
}
