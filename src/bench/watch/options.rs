//! The options of watchers.

use std::time::Duration;

use crate::bench::keys::KeyShape;
use crate::bench::measure::ServerProcesses;
use crate::bench::value::ValueShape;

/// How watchers wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchKind {
    /// By one request for each change: Consul's blocking queries, etcd v2's `wait=true`, ZooKeeper's one-shot watches.
    Poll,
    /// By one request for all changes: etcd v2's `stream=true`, etcd v3's watches, ZooKeeper's persistent watches.
    Stream,
}

/// Watchers and their writer.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// How they wait.
    pub kind: WatchKind,
    /// How many, each with a connection of its own.
    pub watchers: u32,
    /// The keys that they wait for, spread over them.
    pub keys: KeyShape,
    /// The values that are written.
    pub value: ValueShape,
    /// Writes due per second; none for the next when all watchers of the last are woken.
    pub rate: Option<f64>,
    /// How long keys are written.
    pub duration: Duration,
    /// The most writes; 0 for no bound.
    pub writes: u64,
    /// How long a watcher has to begin, a write to be answered, and a watcher to be woken.
    pub timeout: Duration,
    /// How long the server has to receive the last waiting requests, and to wake watchers that it should not.
    pub settle: Duration,
    /// The server's processes.
    pub server: ServerProcesses,
}
