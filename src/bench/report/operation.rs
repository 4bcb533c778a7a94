//! The result of one kind of operation, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bench::measure::{Latencies, OperationRecord};

/// The result of one kind of operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationResult {
    /// How many were answered.
    pub answered: u64,
    /// How many of these were answered after the end of the run, though due before: a server that was given more than it can
    /// do answers them late. They are in no rate.
    #[serde(default)]
    pub after_end: u64,
    /// How many were answered per second, until the end.
    pub per_second: f64,
    /// How many compare-and-swaps lost against another write.
    pub conflicts: u64,
    /// The bytes of the answers.
    pub bytes: u64,
    /// How many failed, by the failure.
    pub failures: BTreeMap<String, u64>,
    /// From when each was due until it was answered; in a closed loop, from when it was sent.
    pub latency: LatencySummary,
    /// From when each was sent until it was answered.
    pub service: LatencySummary,
}

/// A distribution of latencies, in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// The shortest.
    pub min_us: f64,
    /// The mean.
    pub mean_us: f64,
    /// The median.
    pub p50_us: f64,
    /// 90 of 100 are not longer.
    pub p90_us: f64,
    /// 99 of 100 are not longer.
    pub p99_us: f64,
    /// 999 of 1,000 are not longer.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
    /// The HDR histogram in nanoseconds: version 2, compressed, base64.
    pub histogram: String,
}

impl OperationResult {
    /// The result of a record over some seconds.
    pub fn new(record: &OperationRecord, seconds: f64) -> Self {
        Self {
            answered: record.answered,
            after_end: record.after_end,
            per_second: ratio(record.answered.saturating_sub(record.after_end), seconds),
            conflicts: record.conflicts,
            bytes: record.bytes,
            failures: record.failures.clone(),
            latency: LatencySummary::new(&record.latency),
            service: LatencySummary::new(&record.service),
        }
    }
}

impl LatencySummary {
    /// The summary of latencies.
    pub fn new(latencies: &Latencies) -> Self {
        Self {
            min_us: latencies.min_us(),
            mean_us: latencies.mean_us(),
            p50_us: latencies.quantile_us(0.5),
            p90_us: latencies.quantile_us(0.9),
            p99_us: latencies.quantile_us(0.99),
            p999_us: latencies.quantile_us(0.999),
            max_us: latencies.max_us(),
            histogram: latencies.encode(),
        }
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "counts of operations are far below 2^52"
)]
pub(super) fn ratio(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}
