//! `kubekv bench report`: its plan, what it resumes and compares, its pages, and real runs.

mod carried;
mod pages;
mod plan;
mod records;
mod runs;

use std::collections::BTreeMap;

use kubekv::bench::field::Deployment;
use kubekv::bench::idle::{IdleKind, IdleSummary};
use kubekv::bench::measure::Latencies;
use kubekv::bench::report::{
    ClientResult, DockerSummary, LatencySummary, LoadSummary, Machine, OperationResult, RunResult,
    ServerResult,
};
use kubekv::bench::suite::{
    CellRecord, LoadCommand, PlanGroup, PlanStage, ReportBuild, ReportLevel, ReportPlan,
    ReportRecord, RoundRecord,
};

/// A build, as tests have it.
pub(crate) fn build() -> ReportBuild {
    ReportBuild {
        version: "9.9.9".to_owned(),
        commit: Some("abc123".to_owned()),
        is_debug: false,
        arguments: vec!["bench".to_owned(), "report".to_owned()],
    }
}

/// A round with this rate, and this median latency in microseconds.
pub(crate) fn round(row: &str, rate: f64, p50_us: f64) -> RoundRecord {
    let mut latencies = Latencies::new();
    latencies.record(std::time::Duration::from_micros(100));
    let latency = LatencySummary {
        p50_us,
        p99_us: p50_us * 3.0,
        ..LatencySummary::new(&latencies)
    };
    let operation = OperationResult {
        answered: 1_000,
        after_end: 0,
        per_second: rate,
        conflicts: 0,
        bytes: 0,
        failures: BTreeMap::new(),
        service: latency.clone(),
        latency,
    };
    RoundRecord {
        result: RunResult {
            kubekv_bench: 1,
            version: "9.9.9".to_owned(),
            target: "consul://127.0.0.1:8500".to_owned(),
            load: LoadSummary {
                seconds: 1.0,
                ..LoadSummary::default()
            },
            machine: Machine::this(),
            operations: [(row.to_owned(), operation)].into(),
            client: ClientResult::default(),
            server: Some(ServerResult {
                cpu_seconds: 0.5,
                cpu_us_per_operation: 500.0,
                resident_bytes_before: 1 << 20,
                resident_bytes_after: 5 << 20,
                written_bytes: 4_096_000,
            }),
            watch: None,
            docker: None,
            idle: None,
            not_sent: 0,
            longest_gap_ms: 0.0,
            limited_by: None,
        },
        other_load: 0.0,
    }
}

/// A thousand idle clients that take so many bytes.
fn idle(row: &str, bytes: u64) -> IdleSummary {
    let kinds = [IdleKind::Session, IdleKind::Connection];
    IdleSummary {
        kind: kinds.into_iter().find(|kind| kind.name() == row).unwrap(),
        open: 1_000,
        resident_bytes_before: Some(1 << 20),
        resident_bytes_idle: Some((1 << 20) + bytes),
    }
}

/// Each cell of a plan, with its stage and group.
pub(crate) fn cells(plan: &ReportPlan) -> Vec<(&PlanStage, &PlanGroup, Deployment)> {
    let mut all = Vec::new();
    for stage in &plan.stages {
        for group in &stage.groups {
            all.extend(group.deployments.iter().map(|one| (stage, group, *one)));
        }
    }
    all
}

/// A report of which everything was measured: kubekv is `factor` times as fast as all others.
pub(crate) fn measured(level: ReportLevel, factor: f64) -> ReportRecord {
    let plan = ReportPlan::new(level);
    let mut record = ReportRecord::new(plan.clone(), build(), 0);
    for (stage, group, deployment) in cells(&plan) {
        let is_kubekv = deployment.system.is_kubekv();
        let factor = if is_kubekv { factor } else { 1.0 };
        let rounds = [1.0, 1.1].map(|noise| {
            let (rate, p50) = (10_000.0 * factor * noise, 400.0 / factor * noise);
            let mut round = round(&group.row, rate, p50);
            round.result.docker = Some(DockerSummary {
                hosts: if is_kubekv { 1_600 } else { 400 },
                ..DockerSummary::default()
            });
            if group.command == LoadCommand::Idle {
                let taken = format!("{:.0}", 4_000_000.0 / factor);
                round.result.idle = Some(idle(&group.row, taken.parse().unwrap()));
            }
            round
        });
        let mut cell = CellRecord {
            arguments: vec!["bench".to_owned(), group.key.clone()],
            rounds: rounds.to_vec(),
            ..CellRecord::default()
        };
        if let LoadCommand::Carried(_) = group.command {
            cell.rounds.truncate(1);
            cell.stopped_by = Some("900 hosts: p99 of container start: 1.2 s".to_owned());
        }
        record.cells.insert(stage.cell(group, deployment), cell);
    }
    record
}
