//! The result of a fleet of simulated Docker hosts.

use std::collections::BTreeMap;

use super::docker::DockerSummary;
use super::machine::Machine;
use super::operation::OperationResult;
use super::result::{ClientResult, FORMAT, LoadSummary, RunResult, ServerResult};
use crate::bench::docker::{DockerStep, FleetMeasured};
use crate::bench::measure::{Latencies, OperationRecord};

impl RunResult {
    /// The result of a fleet: its operations are the steps of the hosts.
    pub fn of_fleet(
        target: String,
        load: LoadSummary,
        hosts: u64,
        measured: &FleetMeasured,
    ) -> Self {
        let seconds = measured.elapsed.as_secs_f64();
        let mut all = Latencies::new();
        for record in measured.run.steps.values() {
            all.add(&record.latency);
        }
        let operations = named(&measured.run.steps, seconds);
        let start = named(&measured.start.steps, measured.started_within.as_secs_f64());
        let requests: BTreeMap<_, _> = measured
            .run
            .requests
            .iter()
            .map(|(request, record)| {
                let result = OperationResult::new(record, seconds);
                (request.name().to_owned(), result)
            })
            .collect();
        let answered = requests.values().map(|request| request.answered).sum();
        Self {
            kubekv_bench: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target,
            load: LoadSummary { seconds, ..load },
            machine: Machine::this(),
            operations,
            limited_by: measured
                .client
                .fleet_limit(all.quantile_us(0.99))
                .map(|limit| limit.name().to_owned()),
            client: ClientResult::new(&measured.client),
            server: measured
                .server
                .map(|(before, after)| ServerResult::new(before, after, answered)),
            watch: None,
            idle: None,
            docker: Some(DockerSummary {
                hosts,
                networks: measured.networks,
                containers: measured.containers,
                conflicts: measured.run.conflicts,
                start,
                requests,
            }),
            not_sent: 0,
            longest_gap_ms: 0.0,
        }
    }
}

/// The results of steps by their names.
fn named(
    steps: &BTreeMap<DockerStep, OperationRecord>,
    seconds: f64,
) -> BTreeMap<String, OperationResult> {
    steps
        .iter()
        .map(|(step, record)| {
            let result = OperationResult::new(record, seconds);
            (step.name().to_owned(), result)
        })
        .collect()
}
