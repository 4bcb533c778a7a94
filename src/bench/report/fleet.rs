//! The result of a fleet of simulated Docker hosts.

use std::collections::BTreeMap;

use super::docker::DockerSummary;
use super::machine::Machine;
use super::operation::OperationResult;
use super::result::{ClientResult, FORMAT, LoadSummary, RunResult, ServerResult};
use crate::bench::docker::{DockerStep, FleetMeasured};
use crate::bench::measure::Latencies;

impl RunResult {
    /// The result of a fleet: its operations are the steps of the hosts. Starts before it was measured count, too.
    pub fn of_fleet(
        target: String,
        load: LoadSummary,
        hosts: u64,
        measured: &FleetMeasured,
    ) -> Self {
        let seconds = measured.elapsed.as_secs_f64();
        let mut all = Latencies::new();
        let mut steps = measured.run.steps.clone();
        for step in [DockerStep::DaemonStart, DockerStep::NetworkCreate] {
            if let Some(record) = measured.start.steps.get(&step) {
                steps.entry(step).or_default().add(record);
            }
        }
        let mut operations = BTreeMap::new();
        for (step, record) in &steps {
            all.add(&record.latency);
            let result = OperationResult::new(record, seconds);
            operations.insert(step.name().to_owned(), result);
        }
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
                .limit(all.quantile_us(0.99))
                .map(|limit| limit.name().to_owned()),
            client: ClientResult::new(&measured.client),
            server: measured
                .server
                .map(|(before, after)| ServerResult::new(before, after, answered)),
            watch: None,
            docker: Some(DockerSummary {
                hosts,
                networks: measured.networks,
                containers: measured.containers,
                conflicts: measured.run.conflicts,
                requests,
            }),
            not_sent: 0,
            longest_gap_ms: 0.0,
        }
    }
}
