//! The conductor: it starts the deployments of each stage and measures their cells in turn.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::cell::summarize;
use super::child::{self, ENDPOINT_COUNT, NETWORK};
use super::judgement::disturbance;
use super::other_load::MachineLook;
use super::plan::{GroupPace, PlanGroup, PlanStage};
use super::record::{CellRecord, DeploymentRecord, ReportRecord, RoundRecord};
use crate::bench::field::{
    BackendCounts, Deployment, FieldError, FieldPlace, FieldPorts, Launcher, Programs,
    RunningDeployment, fresh_directory, run_bounded, start,
};
use crate::bench::measure::NoProcess;
use crate::bench::report::RunResult;

/// How long it may take to write the entries of a stage.
const FILL: Duration = Duration::from_secs(1_200);

/// The fewest operations that a latency is measured by, in a round.
const FEWEST: f64 = 20.0;

/// Why a cell has no figure, or the report cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A server or a command failed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A server has ended.
    #[error("a process of the server has ended ({0})")]
    Ended(#[from] NoProcess),
    /// A load failed.
    #[error("{0}")]
    Load(String),
    /// The record cannot be written.
    #[error("cannot write the record: {0}")]
    Save(std::io::Error),
}

/// Measures what is missing in a record.
pub struct Conductor<'a> {
    /// What starts processes.
    pub launcher: &'a Launcher,
    /// Where programs are.
    pub programs: &'a Programs,
    /// The directory in which servers have theirs, on the disk that is measured.
    pub directory: PathBuf,
    /// Hears of what is done, a line each.
    pub progress: &'a dyn Fn(&str),
    /// Keeps the record after each group.
    pub save: &'a dyn Fn(&mut ReportRecord) -> std::io::Result<()>,
}

impl std::fmt::Debug for Conductor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conductor")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// A group's load, at its rate.
#[derive(Clone, Copy)]
struct GroupLoad<'a> {
    group: &'a PlanGroup,
    rate: Option<f64>,
}

/// The deployments of a stage that answer.
type Running = BTreeMap<Deployment, RunningDeployment>;

/// The rounds of a group's cells, as far as they came.
type Rounds = BTreeMap<Deployment, Result<Vec<RoundRecord>, SuiteError>>;

impl Conductor<'_> {
    /// Measures all cells that have no figure yet. The calling thread starts the servers, and they end with it.
    pub fn run(&self, record: &mut ReportRecord) -> Result<(), SuiteError> {
        let until = Instant::now() + record.plan.level.budget();
        record.missing.clear();
        for stage in record.plan.stages.clone() {
            self.run_stage(record, &stage, until)?;
        }
        Ok(())
    }

    fn run_stage(
        &self,
        record: &mut ReportRecord,
        stage: &PlanStage,
        until: Instant,
    ) -> Result<(), SuiteError> {
        let lacks = |deployment: &Deployment| {
            let of = stage.groups.iter();
            let mut of = of.filter(|group| group.deployments.contains(deployment));
            of.any(|group| !record.has(&stage.cell(group, *deployment)))
        };
        let mut wanted = stage.deployments();
        wanted.retain(lacks);
        if wanted.is_empty() {
            return Ok(());
        }
        (self.progress)(&format!("{}: starting servers", stage.title));
        // After this block the servers have ended, and their data goes.
        let outcome = {
            let mut running = self.start(record, stage, &wanted);
            let mut groups = stage.groups.iter();
            groups.try_for_each(|group| self.run_group(record, stage, group, &mut running, until))
        };
        for deployment in &wanted {
            // What cannot be removed now is removed when the deployment is started again.
            let _left = fs::remove_dir_all(self.directory_of(*deployment));
        }
        outcome
    }

    /// Starts and fills deployments; what fails is noted at each of their cells.
    fn start(
        &self,
        record: &mut ReportRecord,
        stage: &PlanStage,
        wanted: &[Deployment],
    ) -> Running {
        let mut ports = FieldPorts::new();
        let mut running = Running::new();
        for deployment in wanted {
            match self.start_one(record, stage, *deployment, &mut ports) {
                Ok(started) => {
                    running.insert(*deployment, started);
                }
                Err(SuiteError::Field(FieldError::Missing(why))) => {
                    (self.progress)(&format!("{}: not measured: {why}", deployment.name()));
                    record.missing.insert(deployment.key(), why);
                }
                Err(error) => {
                    (self.progress)(&format!("{}: {error}", deployment.name()));
                    for group in &stage.groups {
                        if group.deployments.contains(deployment) {
                            let cell = record.cells.entry(stage.cell(group, *deployment));
                            let cell = cell.or_default();
                            if cell.rounds.is_empty() {
                                cell.failed = Some(error.to_string());
                            }
                        }
                    }
                }
            }
        }
        running
    }

    fn start_one(
        &self,
        record: &mut ReportRecord,
        stage: &PlanStage,
        deployment: Deployment,
        ports: &mut FieldPorts,
    ) -> Result<RunningDeployment, SuiteError> {
        let mut place = FieldPlace {
            launcher: self.launcher,
            programs: self.programs,
            directory: fresh_directory(self.directory_of(deployment))?,
            ports,
        };
        let running = start(&mut place, deployment)?;
        let described = DeploymentRecord {
            name: deployment.name(),
            version: running.version.clone(),
            commands: running.commands.clone(),
        };
        let before = record.deployments.get(&deployment.key());
        if let Some(before) = before.filter(|before| before.version != described.version) {
            let message = format!(
                "this is {}, and cells of {} are there already: give another --out",
                described.version, before.version
            );
            return Err(SuiteError::Load(message));
        }
        record.deployments.insert(deployment.key(), described);
        let records = fresh_directory(self.directory.join("records"))?;
        for (file, text) in [("network.json", NETWORK), ("count.json", ENDPOINT_COUNT)] {
            let path = records.join(file);
            fs::write(&path, text).map_err(|error| FieldError::Io {
                what: path.display().to_string(),
                error,
            })?;
        }
        for fill in &stage.fills {
            let arguments = child::fill_arguments(&running.target, fill, &records);
            self.kubekv(&arguments, FILL)?;
        }
        Ok(running)
    }

    /// Measures the cells of a group that have no figure, in turn.
    fn run_group(
        &self,
        record: &mut ReportRecord,
        stage: &PlanStage,
        group: &PlanGroup,
        running: &mut Running,
        until: Instant,
    ) -> Result<(), SuiteError> {
        let id = |deployment: Deployment| stage.cell(group, deployment);
        let mut todo = group.deployments.clone();
        todo.retain(|one| running.contains_key(one) && !record.has(&id(*one)));
        if todo.is_empty() {
            return Ok(());
        }
        let rate = match &group.pace {
            GroupPace::Closed => None,
            GroupPace::HalfOf(other) => {
                // That of the cells which are there already, if some are.
                let key = format!("{}/{}", stage.key, group.key);
                let known = record.rates.get(&key).copied();
                let Some(rate) = known.or_else(|| rate(record, stage, group, other)) else {
                    return Ok(());
                };
                Some(rate)
            }
        };
        let load = GroupLoad { group, rate };
        (self.progress)(&format!("{}: {}", stage.title, group.title));
        let mut rounds = Rounds::new();
        for round in 0..group.rounds {
            for deployment in &todo {
                let so_far = rounds.entry(*deployment).or_insert_with(|| Ok(Vec::new()));
                let Ok(measured) = so_far else { continue };
                let Some(server) = running.get_mut(deployment) else {
                    continue;
                };
                match self.measure(load, *deployment, server) {
                    Ok(one) => measured.push(one),
                    Err(error) => *so_far = Err(error),
                }
            }
            (self.progress)(&format!("    round {} of {}", round + 1, group.rounds));
        }
        for deployment in todo {
            let (Some(server), Some(measured)) =
                (running.get_mut(&deployment), rounds.remove(&deployment))
            else {
                continue;
            };
            let cell = self.finish(load, deployment, server, measured, until);
            if let Some(failed) = &cell.failed {
                (self.progress)(&format!("    {}: {failed}", deployment.name()));
            }
            record.cells.insert(id(deployment), cell);
        }
        if let Some(rate) = rate {
            let key = format!("{}/{}", stage.key, group.key);
            record.rates.insert(key, rate);
        }
        (self.save)(record).map_err(SuiteError::Save)
    }

    /// The record of a cell: measured once more where it was disturbed, and with what the store behind it was asked.
    fn finish(
        &self,
        load: GroupLoad<'_>,
        deployment: Deployment,
        server: &mut RunningDeployment,
        measured: Result<Vec<RoundRecord>, SuiteError>,
        until: Instant,
    ) -> CellRecord {
        let GroupLoad { group, rate } = load;
        let mut cell = CellRecord {
            arguments: child::arguments(group, deployment.protocol, "TARGET", group.warm_up, rate),
            ..CellRecord::default()
        };
        cell.rounds = match measured {
            Ok(rounds) => rounds,
            Err(error) => {
                cell.failed = Some(error.to_string());
                return cell;
            }
        };
        cell.disturbed = disturbance(&cell.rounds, &group.row, group.figure);
        if cell.disturbed.is_some() && Instant::now() < until {
            let again: Result<Vec<_>, _> = (0..group.rounds)
                .map(|_| self.measure(load, deployment, server))
                .collect();
            // What fails now was measured before, and is marked.
            if let Ok(again) = again {
                cell.disturbed = disturbance(&again, &group.row, group.figure);
                cell.discarded = std::mem::replace(&mut cell.rounds, again);
            }
        }
        if group.pace == GroupPace::Closed {
            cell.backend = self.backend(group, deployment, server).ok().flatten();
        }
        cell
    }

    /// A round: a load by a `kubekv bench` of its own.
    fn measure(
        &self,
        GroupLoad { group, rate }: GroupLoad<'_>,
        deployment: Deployment,
        server: &mut RunningDeployment,
    ) -> Result<RoundRecord, SuiteError> {
        server.require_alive()?;
        let processes = server.server();
        let protocol = deployment.protocol;
        let mut arguments = child::arguments(group, protocol, &server.target, group.warm_up, rate);
        for pid in &processes.0 {
            arguments.extend(["--pid".to_owned(), pid.to_string()]);
        }
        arguments.extend(["--quiet", "--json", "-"].map(str::to_owned));
        let before = MachineLook::now(&processes)?;
        let out = self.kubekv(&arguments, child::limit(group))?;
        let other_load = MachineLook::now(&processes)?.others_since(before);
        Ok(RoundRecord {
            result: parse(&out)?,
            other_load,
        })
    }

    /// What the etcd behind a deployment is asked for each operation, by a load of its own whose every operation is counted.
    fn backend(
        &self,
        group: &PlanGroup,
        deployment: Deployment,
        server: &mut RunningDeployment,
    ) -> Result<Option<BackendCounts>, SuiteError> {
        let Some(metrics) = server.metrics.clone() else {
            return Ok(None);
        };
        let read = || {
            let counts = BackendCounts::read(&metrics);
            counts.map_err(|error| SuiteError::Load(error.to_string()))
        };
        let mut arguments = child::arguments(group, deployment.protocol, &server.target, 0.0, None);
        arguments.extend(["--quiet", "--json", "-"].map(str::to_owned));
        let before = read()?;
        let result = parse(&self.kubekv(&arguments, child::limit(group))?)?;
        let row = result.operations.get(&group.row);
        let answered = row.map_or(0, |row| row.answered);
        let answered = u32::try_from(answered).map_or(f64::MAX, f64::from);
        Ok(Some(read()?.since(before, answered)))
    }

    /// Runs kubekv with some arguments; its standard output.
    fn kubekv(&self, arguments: &[String], limit: Duration) -> Result<Vec<u8>, SuiteError> {
        let mut command = self.launcher.command(self.launcher.kubekv());
        command.args(arguments);
        let name: Vec<&str> = arguments.iter().take(3).map(String::as_str).collect();
        let name = format!("kubekv {}", name.join(" "));
        let output = run_bounded(&name, command, limit, &self.directory)?;
        if output.status.success() {
            return Ok(output.out);
        }
        let why = output.err.trim();
        Err(SuiteError::Load(format!(
            "{name}: {}: {why}",
            output.status
        )))
    }

    fn directory_of(&self, deployment: Deployment) -> PathBuf {
        self.directory.join(deployment.key().replace('/', "-"))
    }
}

/// Half of what the slowest deployment of another group did, and no less than a round needs.
fn rate(record: &ReportRecord, stage: &PlanStage, group: &PlanGroup, other: &str) -> Option<f64> {
    let found = stage.groups.iter().find(|one| one.key == other)?;
    let rates = found.deployments.iter().filter_map(|deployment| {
        let cell = record.cells.get(&stage.cell(found, *deployment))?;
        let rate = summarize(cell, &found.row)?.rate.median;
        // One that answered nothing in time sets no rate for the others.
        (rate > 0.0).then_some(rate)
    });
    let slowest = rates.fold(f64::INFINITY, f64::min);
    slowest
        .is_finite()
        .then(|| (slowest / 2.0).max(FEWEST / group.seconds))
}

fn parse(out: &[u8]) -> Result<RunResult, SuiteError> {
    serde_json::from_slice(out)
        .map_err(|error| SuiteError::Load(format!("a load printed no result: {error}")))
}
