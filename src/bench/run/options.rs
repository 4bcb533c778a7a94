//! The options of a load.

use std::time::Duration;

use crate::bench::client::Consistency;
use crate::bench::keys::{Distribution, KeyShape};
use crate::bench::operation::OperationMix;
use crate::bench::pace::Arrivals;
use crate::bench::value::ValueShape;

/// The pace of the clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each client sends when its last operation was answered (closed loop).
    Closed,
    /// Operations are due at this rate, per second, whether or not earlier ones were answered (open loop).
    Open(f64, Arrivals),
}

/// A load.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The operations.
    pub mix: OperationMix,
    /// The number of clients, each with a connection of its own.
    pub clients: u32,
    /// The operations that each client has in flight over its connection; above 1 with ZooKeeper alone, whose sessions take
    /// requests before earlier ones are answered.
    pub pipeline: u32,
    /// The pace.
    pub pace: Pace,
    /// The threads that the clients are spread over.
    pub threads: u32,
    /// The keys.
    pub keys: KeyShape,
    /// The one key of all reads and writes, instead of the keys.
    pub key: Option<String>,
    /// The distribution over the keys.
    pub distribution: Distribution,
    /// The values.
    pub value: ValueShape,
    /// Whether to write the keys before, where operations need them.
    pub fill: bool,
    /// How long the load lasts before it is measured.
    pub warm_up: Duration,
    /// How long it is measured.
    pub duration: Duration,
    /// How long an operation may take.
    pub timeout: Duration,
    /// The promise of reads.
    pub consistency: Consistency,
    /// The seed of all choices.
    pub seed: u64,
}
