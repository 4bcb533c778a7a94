//! Merging results: of clients on several machines, or of repetitions.

use std::collections::BTreeMap;

use super::operation::ratio;
use super::result::FORMAT;
use super::{LatencySummary, OperationResult, RunResult};
use crate::bench::measure::{BadHistogram, Latencies};

/// Why results cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMergeable {
    /// There is none.
    #[error("no result to merge")]
    None,
    /// A result is of a newer format.
    #[error("format {0} of a result is not known; this kubekv knows format {FORMAT}")]
    Format(u32),
    /// They are of different loads.
    #[error("these results are of different operations or protocols: {0} and {1}")]
    Different(String, String),
    /// Their counts do not add up to anything.
    #[error("results of watchers and of Docker hosts cannot be merged")]
    NotALoad,
    /// A histogram is broken.
    #[error(transparent)]
    Histogram(#[from] BadHistogram),
}

/// Merges results.
///
/// With `at_once` they are of clients that ran at the same time, and their rates add up; otherwise of one run after another,
/// and their times do. Quantiles are of all latencies together, never averages of quantiles.
pub fn merge(results: &[RunResult], at_once: bool) -> Result<RunResult, NotMergeable> {
    let mut merged = results.first().ok_or(NotMergeable::None)?.clone();
    if let Some(other) = results.iter().find(|one| one.kubekv_bench != FORMAT) {
        return Err(NotMergeable::Format(other.kubekv_bench));
    }
    if results.len() > 1
        && results
            .iter()
            .any(|one| one.watch.is_some() || one.docker.is_some())
    {
        return Err(NotMergeable::NotALoad);
    }
    let first = kind(&merged);
    if let Some(other) = results.iter().map(kind).find(|other| *other != first) {
        return Err(NotMergeable::Different(first, other));
    }
    let seconds = results.iter().map(|one| one.load.seconds);
    merged.load.seconds = if at_once {
        seconds.fold(0.0, f64::max)
    } else {
        seconds.sum()
    };
    if at_once {
        merged.load.clients = results.iter().map(|one| one.load.clients).sum();
        merged.load.rate = results.iter().map(|one| one.load.rate).sum();
    }
    merged.operations = BTreeMap::new();
    let names: std::collections::BTreeSet<_> = results
        .iter()
        .flat_map(|one| one.operations.keys())
        .collect();
    for name in names {
        let of: Vec<_> = results
            .iter()
            .filter_map(|one| one.operations.get(name))
            .collect();
        let operation = merge_operation(&of, merged.load.seconds)?;
        merged.operations.insert(name.clone(), operation);
    }
    let worst = |value: fn(&RunResult) -> f64| results.iter().map(value).fold(0.0, f64::max);
    merged.client.cpu_seconds = results.iter().map(|one| one.client.cpu_seconds).sum();
    merged.client.busiest_thread = worst(|one| one.client.busiest_thread);
    merged.client.waited_for_processor = worst(|one| one.client.waited_for_processor);
    merged.client.lateness_p50_us = worst(|one| one.client.lateness_p50_us);
    merged.client.lateness_p99_us = worst(|one| one.client.lateness_p99_us);
    merged.client.lateness_max_us = worst(|one| one.client.lateness_max_us);
    merged.longest_gap_ms = worst(|one| one.longest_gap_ms);
    merged.limited_by = results.iter().find_map(|one| one.limited_by.clone());
    // Each was a process of its own, or the same one twice: their sum would mean nothing.
    if results.len() > 1 {
        merged.server = None;
    }
    Ok(merged)
}

fn merge_operation(of: &[&OperationResult], seconds: f64) -> Result<OperationResult, NotMergeable> {
    let (mut latency, mut service) = (Latencies::new(), Latencies::new());
    let mut failures = BTreeMap::new();
    let (mut answered, mut conflicts, mut bytes) = (0, 0, 0);
    for one in of {
        latency.add(&Latencies::decode(&one.latency.histogram)?);
        service.add(&Latencies::decode(&one.service.histogram)?);
        answered += one.answered;
        conflicts += one.conflicts;
        bytes += one.bytes;
        for (failure, count) in &one.failures {
            *failures.entry(failure.clone()).or_default() += count;
        }
    }
    Ok(OperationResult {
        answered,
        per_second: ratio(answered, seconds),
        conflicts,
        bytes,
        failures,
        latency: LatencySummary::new(&latency),
        service: LatencySummary::new(&service),
    })
}

/// The protocol and the operations of a result.
fn kind(result: &RunResult) -> String {
    let protocol = result.target.split(':').next().unwrap_or_default();
    let operations: Vec<_> = result.operations.keys().map(String::as_str).collect();
    format!("{protocol} {}", operations.join(", "))
}
