//! The result of watchers: what they and their writer saw.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bench::measure::{OperationRecord, ServerUse, ThreadUse};

/// What came of watchers and their writer.
#[derive(Debug)]
pub struct WatchMeasured {
    /// The writes.
    pub writes: OperationRecord,
    /// From when each write was due until each of its watchers had the change; the failures are those of watchers.
    pub events: OperationRecord,
    /// From when each write was due until the last of its watchers had the change.
    pub last_events: OperationRecord,
    /// The counts.
    pub summary: WatchSummary,
    /// How long it took.
    pub elapsed: Duration,
    /// The client's use of the processor, from each write until its last watcher had the change, and how long that was
    /// altogether. Between the writes the client does nothing.
    pub client: (ThreadUse, Duration),
    /// The server process before and after the writes.
    pub server: Option<(ServerUse, ServerUse)>,
}

/// The counts of watchers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchSummary {
    /// The watchers.
    pub watchers: u32,
    /// The keys that they waited for.
    pub keys: u64,
    /// The writes.
    pub writes: u64,
    /// How many times a watcher should have been woken.
    pub expected: u64,
    /// How many times one was.
    pub woken: u64,
    /// How many times one was not, within the time allowed.
    pub missed: u64,
    /// How many times a watcher was woken by nothing that it waited for.
    pub others: u64,
    /// The watchers that failed.
    pub lost: u32,
    /// The server's resident memory without them, in bytes.
    pub resident_bytes_before: Option<u64>,
    /// The server's resident memory while they wait, in bytes.
    pub resident_bytes_waiting: Option<u64>,
}
