//! The conductor: it starts the deployments of each stage and measures their cells in turn.

mod other_group;
mod start;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use self::other_group::{copy_rounds, rate};
use super::carried::{self, CarriedFound};
use super::child;
use super::error::SuiteError;
use super::judgement::{disturbance, others};
use super::load_runner::{GroupLoad, LoadRunner};
use super::plan::{CarriedSearch, GroupPace, LoadCommand, PlanGroup, PlanStage};
use super::record::{CellRecord, ReportRecord, RoundRecord};
use crate::bench::field::{Deployment, Launcher, Programs, RunningDeployment};

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

/// The deployments of a stage that answer.
type Running = BTreeMap<Deployment, RunningDeployment>;

/// The rounds of a group's cells, as far as they came.
type Rounds = BTreeMap<Deployment, Result<Vec<RoundRecord>, SuiteError>>;

impl Conductor<'_> {
    /// Measures all cells that have no figure yet. The calling thread starts the servers, and they end with it. Cells that were
    /// disturbed are measured again while what is left of the plan still fits into the level's time.
    pub fn run(&self, record: &mut ReportRecord) -> Result<(), SuiteError> {
        let mut until = Instant::now() + record.plan.level.budget();
        record.missing.clear();
        let stages = record.plan.stages.clone();
        for stage in &stages {
            until = earlier(until, stage.estimate());
        }
        for stage in &stages {
            until += Duration::from_secs_f64(stage.estimate());
            self.run_stage(record, stage, until)?;
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
            let mut until = until;
            for group in &stage.groups {
                until = earlier(until, group.estimate());
            }
            let mut groups = stage.groups.iter();
            groups.try_for_each(|group| {
                until += Duration::from_secs_f64(group.estimate());
                self.run_group(record, stage, group, &mut running, until)
            })
        };
        for deployment in &wanted {
            // What cannot be removed now is removed when the deployment is started again.
            let _left = fs::remove_dir_all(self.directory_of(*deployment));
        }
        outcome
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
        (self.progress)(&format!("{}: {}", stage.title, group.title));
        if let LoadCommand::Carried(search) = &group.command {
            return self.search(record, stage, group, search, running);
        }
        let rate_key = format!("{}/{}", stage.key, group.key);
        let rate = match &group.pace {
            GroupPace::Closed => None,
            GroupPace::SameRounds(other) => {
                copy_rounds(record, stage, group, other, &todo);
                return (self.save)(record).map_err(SuiteError::Save);
            }
            GroupPace::HalfOf(other) => {
                // That of the cells which are there already, if some are.
                let known = record.rates.get(&rate_key).copied();
                let Some(rate) = known.or_else(|| rate(record, stage, group, other)) else {
                    return Ok(());
                };
                Some(rate)
            }
        };
        let mut rounds = self.rounds(group, rate, &todo, running);
        for deployment in todo {
            let (Some(server), Some(measured)) =
                (running.get_mut(&deployment), rounds.remove(&deployment))
            else {
                continue;
            };
            let load = GroupLoad::of(group, deployment, rate);
            let cell = self.finish(load, server, measured, until);
            if let Some(failed) = &cell.failed {
                (self.progress)(&format!("    {}: {failed}", deployment.name()));
            }
            record.cells.insert(id(deployment), cell);
        }
        if let Some(rate) = rate {
            record.rates.insert(rate_key, rate);
        }
        (self.save)(record).map_err(SuiteError::Save)
    }

    /// The rounds of a group: one of each deployment, then the next one of each.
    fn rounds(
        &self,
        group: &PlanGroup,
        rate: Option<f64>,
        todo: &[Deployment],
        running: &mut Running,
    ) -> Rounds {
        let mut rounds = Rounds::new();
        for round in 0..group.rounds {
            for deployment in todo {
                let so_far = rounds.entry(*deployment).or_insert_with(|| Ok(Vec::new()));
                let Ok(measured) = so_far else { continue };
                let Some(server) = running.get_mut(deployment) else {
                    continue;
                };
                let load = GroupLoad::of(group, *deployment, rate);
                match self.runner().measure(load, server) {
                    Ok(one) => measured.push(one),
                    Err(error) => *so_far = Err(error),
                }
            }
            (self.progress)(&format!("    round {} of {}", round + 1, group.rounds));
        }
        rounds
    }

    /// The record of a cell: measured once more where it was disturbed, and with what the store behind it was asked.
    fn finish(
        &self,
        load: GroupLoad<'_>,
        server: &mut RunningDeployment,
        measured: Result<Vec<RoundRecord>, SuiteError>,
        until: Instant,
    ) -> CellRecord {
        let GroupLoad {
            group,
            protocol,
            rate,
        } = load;
        let mut cell = CellRecord {
            arguments: child::arguments(group, protocol, "TARGET", group.warm_up, rate),
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
        // Memory that a first measurement has left free would be taken again.
        let repeats = group.command != LoadCommand::Idle && Instant::now() < until;
        if cell.disturbed.is_some() && repeats {
            let again: Result<Vec<_>, _> = (0..group.rounds)
                .map(|_| self.runner().measure(load, server))
                .collect();
            // What fails now was measured before, and is marked.
            if let Ok(again) = again {
                cell.disturbed = disturbance(&again, &group.row, group.figure);
                cell.discarded = std::mem::replace(&mut cell.rounds, again);
            }
        }
        if group.pace == GroupPace::Closed && group.command.is_counted() {
            cell.backend = self.runner().backend(load, server).ok().flatten();
        }
        cell
    }

    /// Searches for the number of hosts that each deployment of a group carries.
    fn search(
        &self,
        record: &mut ReportRecord,
        stage: &PlanStage,
        group: &PlanGroup,
        search: &CarriedSearch,
        running: &mut Running,
    ) -> Result<(), SuiteError> {
        for deployment in &group.deployments {
            let id = stage.cell(group, *deployment);
            let Some(server) = running.get_mut(deployment).filter(|_| !record.has(&id)) else {
                continue;
            };
            let before = stage
                .groups
                .iter()
                .find(|one| Some(&one.key) == search.after.as_ref());
            let before = before.and_then(|one| record.cells.get(&stage.cell(one, *deployment)));
            let carried = before.and_then(|cell| cell.rounds.first());
            let arguments = child::arguments(group, deployment.protocol, "TARGET", 0.0, None);
            let found = carried::search(self.runner(), group, search, server, carried);
            let cell = searched(arguments, found);
            let said = cell.failed.as_ref().or(cell.stopped_by.as_ref());
            let said = said.map_or("", String::as_str);
            (self.progress)(&format!("    {}: {said}", deployment.name()));
            record.cells.insert(id, cell);
            (self.save)(record).map_err(SuiteError::Save)?;
        }
        Ok(())
    }

    fn runner(&self) -> LoadRunner<'_> {
        LoadRunner {
            launcher: self.launcher,
            directory: &self.directory,
        }
    }

    fn directory_of(&self, deployment: Deployment) -> PathBuf {
        self.directory.join(deployment.key().replace('/', "-"))
    }
}

/// A time so many seconds before another one, or now.
fn earlier(until: Instant, seconds: f64) -> Instant {
    let span = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    until.checked_sub(span).unwrap_or(until)
}

/// The record of a search.
fn searched(arguments: Vec<String>, found: Result<CarriedFound, SuiteError>) -> CellRecord {
    let mut cell = CellRecord {
        arguments,
        ..CellRecord::default()
    };
    match found {
        Ok(found) => {
            if found.best.is_none() {
                cell.failed = Some(format!("none was carried: {}", found.stopped_by));
            }
            cell.rounds = found.best.into_iter().collect();
            cell.disturbed = others(found.steps.iter().filter_map(|step| step.other_load));
            cell.fleets = found.steps;
            cell.stopped_by = Some(found.stopped_by);
        }
        Err(error) => cell.failed = Some(error.to_string()),
    }
    cell
}
