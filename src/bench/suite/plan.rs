//! The plan of a report: stages of groups of cells.

use serde::{Deserialize, Serialize};

use super::level::ReportLevel;
use crate::bench::field::Deployment;

/// The time that a child takes to start, connect and end, in seconds.
const CHILD: f64 = 0.15;

/// The time that a fleet takes to start and to clean up, in seconds.
const FLEET: f64 = 1.0;

/// The time that a deployment takes to start and to end, in seconds.
const START: f64 = 1.5;

/// All cells of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportPlan {
    /// Its level.
    pub level: ReportLevel,
    /// Its stages, one after another.
    pub stages: Vec<PlanStage>,
}

/// Groups that are measured on the same servers, which are new and empty before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanStage {
    /// Its part of a cell's id.
    pub key: String,
    /// Its name for readers.
    pub title: String,
    /// What is written before: arguments of `kubekv bench fill`.
    pub fills: Vec<Vec<String>>,
    /// Its groups.
    pub groups: Vec<PlanGroup>,
}

/// The same load on several deployments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanGroup {
    /// Its part of a cell's id.
    pub key: String,
    /// Its name for readers.
    pub title: String,
    /// Clients, keys and values, for readers.
    pub shape: String,
    /// The command of the load.
    pub command: LoadCommand,
    /// Its arguments, besides the target and the times.
    pub arguments: Vec<String>,
    /// The operation of the results that is shown.
    pub row: String,
    /// The figure by which deployments are compared.
    pub figure: GroupFigure,
    /// How operations follow each other.
    pub pace: GroupPace,
    /// The point of a series that it is, if it is of one.
    pub series: Option<SeriesPoint>,
    /// The rounds of each cell.
    pub rounds: u32,
    /// How long a round is measured, in seconds.
    pub seconds: f64,
    /// The load before that, in seconds.
    pub warm_up: f64,
    /// The deployments, in the order in which they are measured in each round.
    pub deployments: Vec<Deployment>,
}

/// The command of `kubekv bench` that makes a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadCommand {
    /// An operation.
    Operation(String),
    /// Watchers that are woken; settle times are theirs.
    Wake,
    /// Docker hosts.
    Docker,
}

/// The figure by which deployments are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupFigure {
    /// Operations a second: more is better.
    Rate,
    /// The median latency: less is better.
    P50,
}

/// How operations follow each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupPace {
    /// Each client sends when its last operation was answered, or the load has a pace of its own.
    Closed,
    /// Half of what the slowest deployment of another group of the stage does, from when each operation is due.
    HalfOf(String),
}

/// A point of a series over sizes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// The series' key.
    pub key: String,
    /// What grows.
    pub of: String,
    /// How much of it there is here.
    pub size: u64,
}

impl ReportPlan {
    /// The plan with only the stages and groups whose ids contain one of these texts; all of them for no text.
    #[must_use]
    pub fn only(mut self, texts: &[String]) -> Self {
        if texts.is_empty() {
            return self;
        }
        for stage in &mut self.stages {
            let key = stage.key.clone();
            let wanted = |group: &PlanGroup| {
                let id = format!("{key}/{}", group.key);
                texts.iter().any(|text| id.contains(text.as_str()))
            };
            let mut keep: Vec<String> = Vec::new();
            for group in stage.groups.iter().filter(|group| wanted(group)) {
                keep.push(group.key.clone());
                // Its rate is half of what this one finds.
                if let GroupPace::HalfOf(other) = &group.pace {
                    keep.push(other.clone());
                }
            }
            stage.groups.retain(|group| keep.contains(&group.key));
        }
        self.stages.retain(|stage| !stage.groups.is_empty());
        self
    }

    /// The plan with only the deployments of systems of these keys; all of them for no key.
    #[must_use]
    pub fn only_systems(mut self, keys: &[String]) -> Self {
        if keys.is_empty() {
            return self;
        }
        for group in self.stages.iter_mut().flat_map(|stage| &mut stage.groups) {
            group
                .deployments
                .retain(|one| keys.iter().any(|key| key == one.system.key()));
        }
        for stage in &mut self.stages {
            stage.groups.retain(|group| !group.deployments.is_empty());
        }
        self.stages.retain(|stage| !stage.groups.is_empty());
        self
    }

    /// How long it takes about, in seconds, where every program is there and nothing is disturbed.
    pub fn estimate(&self) -> f64 {
        self.stages.iter().map(PlanStage::estimate).sum()
    }
}

impl PlanStage {
    /// The id of a cell of it.
    pub fn cell(&self, group: &PlanGroup, deployment: Deployment) -> String {
        format!("{}/{}/{}", self.key, group.key, deployment.key())
    }

    /// All deployments of its groups, each once.
    pub fn deployments(&self) -> Vec<Deployment> {
        let mut all: Vec<Deployment> = Vec::new();
        for deployment in self.groups.iter().flat_map(|group| &group.deployments) {
            if !all.contains(deployment) {
                all.push(*deployment);
            }
        }
        all
    }

    fn estimate(&self) -> f64 {
        let started = count(self.deployments().len()) * START;
        let cells = self.groups.iter().map(PlanGroup::estimate);
        started + cells.sum::<f64>()
    }
}

impl PlanGroup {
    fn estimate(&self) -> f64 {
        let overhead = match self.command {
            LoadCommand::Operation(_) => CHILD,
            // It settles before and after.
            LoadCommand::Wake => CHILD + 2.0 * self.warm_up,
            LoadCommand::Docker => CHILD + FLEET,
        };
        let round = self.seconds + self.warm_up + overhead;
        count(self.deployments.len()) * f64::from(self.rounds) * round
    }
}

fn count(of: usize) -> f64 {
    u32::try_from(of).map_or(f64::MAX, f64::from)
}
