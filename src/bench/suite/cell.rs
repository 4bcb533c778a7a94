//! The figures of a cell over its rounds, and the comparison of two cells.

use std::collections::BTreeMap;

use super::plan::GroupFigure;
use super::record::{CellRecord, RoundRecord};
use super::spread::Spread;
use crate::bench::report::{OperationResult, RunResult, ServerResult, compare};

/// The figures of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellSummary {
    /// Operations a second that succeeded.
    pub rate: Spread,
    /// The median latency, in microseconds.
    pub p50_us: Spread,
    /// The latency that 99 of 100 do not exceed, in microseconds.
    pub p99_us: Spread,
    /// The processor time of the deployment for an operation, in microseconds.
    pub cpu_us: Option<Spread>,
    /// The processors that the deployment used, 1 being one of them all the time.
    pub cores: Option<Spread>,
    /// Its resident memory at the end of the last round, in bytes.
    pub resident_bytes: Option<u64>,
    /// The bytes that it wrote to disk for an operation.
    pub written_bytes: Option<Spread>,
    /// The operations that were answered, in all rounds.
    pub answered: u64,
    /// The operations that failed.
    pub failures: u64,
    /// The operations that were due and not sent.
    pub not_sent: u64,
    /// By what limited the load other than the server: the number of rounds.
    pub limits: BTreeMap<String, u64>,
    /// The Docker hosts of the load, where it has some.
    pub hosts: Option<Spread>,
    /// The memory of each connection or session of the load, in bytes, where it has some.
    pub idle_bytes: Option<Spread>,
}

impl CellSummary {
    /// The figure of a kind.
    pub fn figure(&self, figure: GroupFigure) -> Option<Spread> {
        match figure {
            GroupFigure::Rate => Some(self.rate),
            GroupFigure::P50 => Some(self.p50_us),
            GroupFigure::Hosts => self.hosts,
            GroupFigure::Memory => self.idle_bytes,
        }
    }
}

/// How a cell compares with another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellVerdict {
    /// The median of the rounds' ratios, ours to theirs.
    pub ratio: Spread,
    /// Whether ours is worse.
    pub loses: bool,
    /// Whether rounds disagree which is better.
    pub is_close: bool,
}

/// The figures of an operation of a cell; `None` if it was never answered.
pub fn summarize(cell: &CellRecord, row: &str) -> Option<CellSummary> {
    let rounds: Vec<(&RoundRecord, &OperationResult)> = cell
        .rounds
        .iter()
        .filter_map(|round| Some((round, answered(&round.result, row)?)))
        .collect();
    let of = |figure: &dyn Fn(&RunResult, &OperationResult) -> Option<f64>| {
        let figures = rounds.iter();
        Spread::of(figures.filter_map(|(round, row)| figure(&round.result, row)))
    };
    let mut limits: BTreeMap<String, u64> = BTreeMap::new();
    for (round, _) in &rounds {
        if let Some(limit) = &round.result.limited_by {
            *limits.entry(limit.clone()).or_default() += 1;
        }
    }
    let last = rounds
        .last()
        .and_then(|(round, _)| round.result.server.as_ref());
    Some(CellSummary {
        rate: of(&|_, row| Some(succeeded(row)))?,
        p50_us: of(&|_, row| Some(row.latency.p50_us))?,
        p99_us: of(&|_, row| Some(row.latency.p99_us))?,
        cpu_us: of(&|result, _| Some(busy_server(result)?.cpu_us_per_operation)),
        cores: of(&|result, _| {
            let server = busy_server(result)?;
            Some(server.cpu_seconds / result.load.seconds.max(1e-9))
        }),
        resident_bytes: last.map(|server| server.resident_bytes_after),
        written_bytes: of(&written),
        answered: rounds.iter().map(|(_, row)| row.answered).sum(),
        failures: rounds.iter().map(|(_, row)| failures(row)).sum(),
        not_sent: rounds.iter().map(|(round, _)| round.result.not_sent).sum(),
        limits,
        hosts: of(&hosts),
        idle_bytes: of(&idle_bytes),
    })
}

/// The comparison of two cells, round by round; `None` where one has no figure.
pub fn verdict(
    ours: &CellRecord,
    theirs: &CellRecord,
    row: &str,
    figure: GroupFigure,
) -> Option<CellVerdict> {
    let results = |cell: &CellRecord| -> Vec<RunResult> {
        let usable = cell.rounds.iter().map(|round| &round.result);
        let usable = usable.filter(|result| answered(result, row).is_some());
        usable.cloned().collect()
    };
    let (mut ours, mut theirs) = (results(ours), results(theirs));
    // A round that failed has no partner.
    let rounds = ours.len().min(theirs.len());
    ours.truncate(rounds);
    theirs.truncate(rounds);
    let of = |result: &RunResult| {
        let row = answered(result, row)?;
        match figure {
            GroupFigure::Rate => Some(succeeded(row)),
            GroupFigure::P50 => Some(row.latency.p50_us),
            GroupFigure::Hosts => hosts(result, row),
            GroupFigure::Memory => idle_bytes(result, row),
        }
    };
    let found = compare(&ours, &theirs, of, None)?;
    let ratio = Spread {
        median: found.ratio,
        lowest: found.lowest,
        highest: found.highest,
    };
    Some(CellVerdict {
        ratio,
        loses: if figure.more_is_better() {
            ratio.median < 1.0
        } else {
            ratio.median > 1.0
        },
        is_close: ratio.lowest <= 1.0 && ratio.highest >= 1.0,
    })
}

fn answered<'a>(result: &'a RunResult, row: &str) -> Option<&'a OperationResult> {
    result.operations.get(row).filter(|row| row.answered > 0)
}

/// Operations a second without those that lost a compare-and-swap.
fn succeeded(row: &OperationResult) -> f64 {
    let (lost, all) = (float(row.conflicts), float(row.answered));
    row.per_second * (1.0 - lost / all.max(1.0))
}

/// What the server took; `None` where only its memory was looked at, as where it is killed meanwhile.
fn busy_server(result: &RunResult) -> Option<&ServerResult> {
    let server = result.server.as_ref();
    server.filter(|server| server.cpu_seconds > 0.0)
}

fn hosts(result: &RunResult, _row: &OperationResult) -> Option<f64> {
    Some(float(result.docker.as_ref()?.hosts))
}

fn idle_bytes(result: &RunResult, _row: &OperationResult) -> Option<f64> {
    result.idle.as_ref()?.bytes_each()
}

fn failures(row: &OperationResult) -> u64 {
    row.failures.values().sum()
}

fn written(result: &RunResult, row: &OperationResult) -> Option<f64> {
    let written = busy_server(result)?.written_bytes;
    Some(float(written) / float(row.answered).max(1.0))
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "counts of operations and bytes are far below 2^52"
)]
fn float(count: u64) -> f64 {
    count as f64
}
