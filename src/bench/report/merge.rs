//! Merging results: of clients on several machines, or of repetitions.

use std::collections::{BTreeMap, BTreeSet};

use super::operation::ratio;
use super::result::FORMAT;
use super::{DockerSummary, LatencySummary, OperationResult, RunResult};
use crate::bench::measure::{BadHistogram, Latencies};
use crate::bench::watch::WatchSummary;

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
    let operations: Vec<_> = results.iter().map(|one| &one.operations).collect();
    merged.operations = merge_operations(&operations, merged.load.seconds)?;
    let worst = |value: fn(&RunResult) -> f64| results.iter().map(value).fold(0.0, f64::max);
    merged.client.cpu_seconds = results.iter().map(|one| one.client.cpu_seconds).sum();
    merged.client.busiest_thread = worst(|one| one.client.busiest_thread);
    merged.client.waited_for_processor = worst(|one| one.client.waited_for_processor);
    merged.client.lateness_p50_us = worst(|one| one.client.lateness_p50_us);
    merged.client.lateness_p99_us = worst(|one| one.client.lateness_p99_us);
    merged.client.lateness_max_us = worst(|one| one.client.lateness_max_us);
    merged.not_sent = results.iter().map(|one| one.not_sent).sum();
    merged.longest_gap_ms = worst(|one| one.longest_gap_ms);
    merged.limited_by = results.iter().find_map(|one| one.limited_by.clone());
    // Each was a process of its own, or the same one twice: their sum would mean nothing.
    if results.len() > 1 {
        merged.server = None;
        merged.idle = None;
    }
    merged.watch = results
        .iter()
        .filter_map(|one| one.watch.clone())
        .reduce(|sum, one| merge_watchers(&sum, &one, at_once));
    merged.docker = merge_docker(results, at_once, merged.load.seconds)?;
    Ok(merged)
}

/// Merges operations by their names.
fn merge_operations(
    all: &[&BTreeMap<String, OperationResult>],
    seconds: f64,
) -> Result<BTreeMap<String, OperationResult>, NotMergeable> {
    let names: BTreeSet<_> = all.iter().flat_map(|one| one.keys()).collect();
    let merge_named = |name: &String| {
        let of: Vec<_> = all.iter().filter_map(|one| one.get(name)).collect();
        Ok((name.clone(), merge_operation(&of, seconds)?))
    };
    names.into_iter().map(merge_named).collect()
}

/// Adds counts of watchers. Those of runs one after another are the same ones.
fn merge_watchers(sum: &WatchSummary, one: &WatchSummary, at_once: bool) -> WatchSummary {
    WatchSummary {
        watchers: if at_once {
            sum.watchers.saturating_add(one.watchers)
        } else {
            sum.watchers.max(one.watchers)
        },
        keys: sum.keys.max(one.keys),
        writes: sum.writes + one.writes,
        expected: sum.expected + one.expected,
        woken: sum.woken + one.woken,
        missed: sum.missed + one.missed,
        others: sum.others + one.others,
        lost: sum.lost.saturating_add(one.lost),
        // Of one process, or of several: their sum would mean nothing.
        resident_bytes_before: None,
        resident_bytes_waiting: None,
    }
}

/// Adds the counts of Docker hosts; networks and containers are those of the last.
fn merge_docker(
    results: &[RunResult],
    at_once: bool,
    seconds: f64,
) -> Result<Option<DockerSummary>, NotMergeable> {
    let all: Vec<_> = results
        .iter()
        .filter_map(|one| one.docker.as_ref())
        .collect();
    let Some(last) = all.last() else {
        return Ok(None);
    };
    let requests: Vec<_> = all.iter().map(|one| &one.requests).collect();
    let hosts = all.iter().map(|one| one.hosts);
    Ok(Some(DockerSummary {
        hosts: if at_once {
            hosts.sum()
        } else {
            hosts.max().unwrap_or(0)
        },
        conflicts: all.iter().map(|one| one.conflicts).sum(),
        requests: merge_operations(&requests, seconds)?,
        ..(*last).clone()
    }))
}

fn merge_operation(of: &[&OperationResult], seconds: f64) -> Result<OperationResult, NotMergeable> {
    let (mut latency, mut service) = (Latencies::new(), Latencies::new());
    let mut failures = BTreeMap::new();
    let (mut answered, mut after_end, mut conflicts, mut bytes) = (0_u64, 0, 0, 0);
    for one in of {
        latency.add(&Latencies::decode(&one.latency.histogram)?);
        service.add(&Latencies::decode(&one.service.histogram)?);
        answered += one.answered;
        after_end += one.after_end;
        conflicts += one.conflicts;
        bytes += one.bytes;
        for (failure, count) in &one.failures {
            *failures.entry(failure.clone()).or_default() += count;
        }
    }
    Ok(OperationResult {
        answered,
        after_end,
        per_second: ratio(answered.saturating_sub(after_end), seconds),
        conflicts,
        bytes,
        failures,
        latency: LatencySummary::new(&latency),
        service: LatencySummary::new(&service),
    })
}

/// The protocol and the operations of a result; the steps of Docker hosts are a matter of chance.
fn kind(result: &RunResult) -> String {
    let protocol = result.target.split(':').next().unwrap_or_default();
    if result.docker.is_some() {
        return format!("{protocol} docker");
    }
    let operations: Vec<_> = result.operations.keys().map(String::as_str).collect();
    format!("{protocol} {}", operations.join(", "))
}
