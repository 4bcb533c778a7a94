//! The runner of loads: each is a `kubekv bench` of its own, whose result is read.

use std::path::Path;
use std::time::Duration;

use super::child;
use super::error::SuiteError;
use super::other_load::MachineLook;
use super::plan::{LoadCommand, PlanGroup};
use super::record::RoundRecord;
use crate::bench::field::{
    BackendCounts, Deployment, Launcher, ProcessEnd, RunningDeployment, run_bounded,
};
use crate::bench::measure::OperationRecord;
use crate::bench::report::{OperationResult, RunResult, ServerResult};
use crate::bench::target::TargetProtocol;

/// What prints the result and nothing else.
const RESULT: [&str; 3] = ["--quiet", "--json", "-"];

/// The row of writes while another process takes over.
pub(super) const WRITE: &str = "write";

/// The row of reads.
pub(super) const READ: &str = "read";

/// A group's load, at its rate.
#[derive(Clone, Copy)]
pub(super) struct GroupLoad<'a> {
    pub(super) group: &'a PlanGroup,
    pub(super) protocol: TargetProtocol,
    pub(super) rate: Option<f64>,
}

impl<'a> GroupLoad<'a> {
    /// That of a group on a deployment.
    pub(super) fn of(group: &'a PlanGroup, deployment: Deployment, rate: Option<f64>) -> Self {
        Self {
            group,
            protocol: deployment.protocol,
            rate,
        }
    }
}

/// Runs `kubekv`, whose output goes through files in a directory.
#[derive(Clone, Copy)]
pub(super) struct LoadRunner<'a> {
    pub(super) launcher: &'a Launcher,
    pub(super) directory: &'a Path,
}

impl LoadRunner<'_> {
    /// A round of a load.
    pub(super) fn measure(
        self,
        load: GroupLoad<'_>,
        server: &mut RunningDeployment,
    ) -> Result<RoundRecord, SuiteError> {
        let GroupLoad {
            group,
            protocol,
            rate,
        } = load;
        match &group.command {
            LoadCommand::Restart => return self.restart(group, server),
            LoadCommand::TakeOver(end) => return take_over(*end, server),
            LoadCommand::Operation(_)
            | LoadCommand::Wake
            | LoadCommand::Docker
            | LoadCommand::Carried(_)
            | LoadCommand::Idle => {}
        }
        let target = &server.target;
        let arguments = child::arguments(group, protocol, target, group.warm_up, rate);
        self.round(arguments, server, child::limit(group))
    }

    /// A round of a command: what it prints, and what others did on the machine meanwhile.
    pub(super) fn round(
        self,
        mut arguments: Vec<String>,
        server: &mut RunningDeployment,
        limit: Duration,
    ) -> Result<RoundRecord, SuiteError> {
        server.require_alive()?;
        let processes = server.server();
        arguments.extend(server.access.iter().cloned());
        for pid in &processes.0 {
            arguments.extend(["--pid".to_owned(), pid.to_string()]);
        }
        arguments.extend(RESULT.map(str::to_owned));
        let before = MachineLook::now(&processes)?;
        let out = self.kubekv(&arguments, limit)?;
        let other_load = MachineLook::now(&processes)?.others_since(before);
        Ok(RoundRecord {
            result: parse(&out)?,
            other_load,
        })
    }

    /// A start of the server on what it has stored.
    fn restart(
        self,
        group: &PlanGroup,
        server: &mut RunningDeployment,
    ) -> Result<RoundRecord, SuiteError> {
        let took = server.restart(self.launcher, self.directory)?;
        timed(server, &[(&group.row, took)])
    }

    /// What the etcd behind a deployment is asked for each operation, by a load of its own whose every operation is counted.
    pub(super) fn backend(
        self,
        load: GroupLoad<'_>,
        server: &RunningDeployment,
    ) -> Result<Option<BackendCounts>, SuiteError> {
        let GroupLoad {
            group, protocol, ..
        } = load;
        let Some(metrics) = &server.metrics else {
            return Ok(None);
        };
        let read = || {
            let counts = BackendCounts::read(metrics);
            counts.map_err(|error| SuiteError::Load(error.to_string()))
        };
        let mut arguments = child::arguments(group, protocol, &server.target, 0.0, None);
        arguments.extend(server.access.iter().cloned());
        arguments.extend(RESULT.map(str::to_owned));
        let before = read()?;
        let result = parse(&self.kubekv(&arguments, child::limit(group))?)?;
        let row = result.operations.get(&group.row);
        let answered = row.map_or(0, |row| row.answered);
        let answered = u32::try_from(answered).map_or(f64::MAX, f64::from);
        Ok(Some(read()?.since(before, answered)))
    }

    /// Runs kubekv with some arguments; its standard output.
    pub(super) fn kubekv(
        self,
        arguments: &[String],
        limit: Duration,
    ) -> Result<Vec<u8>, SuiteError> {
        let mut command = self.launcher.command(self.launcher.kubekv());
        command.args(arguments);
        let name: Vec<&str> = arguments.iter().take(3).map(String::as_str).collect();
        let name = format!("kubekv {}", name.join(" "));
        let output = run_bounded(&name, command, limit, self.directory)?;
        if output.status.success() {
            return Ok(output.out);
        }
        let why = output.err.trim();
        Err(SuiteError::Load(format!(
            "{name}: {}: {why}",
            output.status
        )))
    }
}

/// The longest time in which clients had no answer, while the process that they ask ended and another one took its place.
fn take_over(end: ProcessEnd, server: &mut RunningDeployment) -> Result<RoundRecord, SuiteError> {
    let outage = server.take_over(end)?;
    timed(server, &[(WRITE, outage.write), (READ, outage.read)])
}

/// The record of a round whose rows have one time each.
fn timed(server: &RunningDeployment, rows: &[(&str, Duration)]) -> Result<RoundRecord, SuiteError> {
    let longest = rows.iter().map(|(_row, took)| *took).max();
    let seconds = longest.unwrap_or_default().as_secs_f64();
    let mut result = RunResult::empty(server.target.clone(), seconds);
    for (row, took) in rows {
        let mut record = OperationRecord::default();
        record.record_latency(*took);
        let row = (*row).to_owned();
        result
            .operations
            .insert(row, OperationResult::new(&record, seconds));
    }
    let after = server.server().look()?.unwrap_or_default();
    result.server = Some(ServerResult::new(after, after, 1));
    Ok(RoundRecord {
        result,
        other_load: 0.0,
    })
}

fn parse(out: &[u8]) -> Result<RunResult, SuiteError> {
    serde_json::from_slice(out)
        .map_err(|error| SuiteError::Load(format!("a load printed no result: {error}")))
}
