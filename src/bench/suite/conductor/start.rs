//! The start of a stage: its deployments are started and filled, and what fails is noted at their cells.

use std::fs;
use std::time::Duration;

use super::{Conductor, Running};
use crate::bench::field::{
    Deployment, FieldError, FieldPlace, FieldPorts, RunningDeployment, fresh_directory, start,
};
use crate::bench::suite::child::{self, ENDPOINT_COUNT, NETWORK};
use crate::bench::suite::error::SuiteError;
use crate::bench::suite::plan::PlanStage;
use crate::bench::suite::record::{DeploymentRecord, ReportRecord};

/// How long it may take to write the entries of a stage.
const FILL: Duration = Duration::from_secs(1_200);

impl Conductor<'_> {
    /// Starts and fills deployments; what fails is noted at each of their cells.
    pub(super) fn start(
        &self,
        record: &mut ReportRecord,
        stage: &PlanStage,
        wanted: &[Deployment],
    ) -> Running {
        let mut ports = FieldPorts::new();
        let mut running = Running::new();
        for deployment in wanted {
            match self.start_again(record, stage, *deployment, &mut ports) {
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

    /// Starts and fills a deployment, a second time where the first failed: an etcd on a disk that others keep busy for
    /// seconds elects a leader anew, and what it was asked meanwhile has no outcome.
    fn start_again(
        &self,
        record: &mut ReportRecord,
        stage: &PlanStage,
        deployment: Deployment,
        ports: &mut FieldPorts,
    ) -> Result<RunningDeployment, SuiteError> {
        let error = match self.start_one(record, stage, deployment, ports) {
            Err(SuiteError::Field(missing @ FieldError::Missing(_))) => {
                return Err(SuiteError::Field(missing));
            }
            Err(error) => error,
            Ok(running) => return Ok(running),
        };
        (self.progress)(&format!("{}: started again: {error}", deployment.name()));
        self.start_one(record, stage, deployment, ports)
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
            let mut arguments = child::fill_arguments(&running.target, fill, &records);
            arguments.extend(running.access.iter().cloned());
            self.runner().kubekv(&arguments, FILL)?;
        }
        Ok(running)
    }
}
