//! The plan of a report: stages of groups of cells.

use serde::{Deserialize, Serialize};

use super::level::ReportLevel;
use crate::bench::field::{Deployment, ProcessEnd};

/// The time that a child takes to start, connect and end, in seconds.
const CHILD: f64 = 0.15;

/// The time that a fleet takes to start and to clean up, in seconds.
const FLEET: f64 = 1.0;

/// The time that a deployment takes to start and to end, in seconds.
const START: f64 = 1.5;

/// How much more an API server takes, in seconds.
const CLUSTER: f64 = 7.0;

/// The time that an API server takes to list an object, in seconds.
const OBJECT: f64 = 0.000_15;

/// The time until a leader that was killed is known to be gone, in seconds.
const LEADERSHIP: f64 = 4.5;

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
    /// How long that takes about, in all deployments together, in seconds.
    pub fill_seconds: u64,
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
    /// Fleets of Docker hosts that grow, until one is too many.
    Carried(CarriedSearch),
    /// Connections, or sessions, that do nothing.
    Idle,
    /// A start of the server on what it has stored.
    Restart,
    /// An end of the server while clients ask it: another one takes over, or it is started again.
    TakeOver(ProcessEnd),
}

/// The figure by which deployments are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupFigure {
    /// Operations a second: more is better.
    Rate,
    /// The median latency: less is better.
    P50,
    /// Docker hosts that are carried: more is better.
    Hosts,
    /// The memory of a connection or session: less is better.
    Memory,
}

impl GroupFigure {
    /// Whether more is better.
    pub fn more_is_better(self) -> bool {
        match self {
            Self::Rate | Self::Hosts => true,
            Self::P50 | Self::Memory => false,
        }
    }
}

/// The bounds of a search for the number of Docker hosts that a deployment carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedSearch {
    /// The hosts of the first fleet.
    pub first: u64,
    /// How long a fleet may take altogether, in seconds.
    pub step_seconds: u64,
    /// How long the whole search may take, in seconds.
    pub search_seconds: u64,
    /// The group of the stage whose result is known to be carried: a load that is no less.
    pub after: Option<String>,
}

/// How operations follow each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupPace {
    /// Each client sends when its last operation was answered, or the load has a pace of its own.
    Closed,
    /// Half of what the slowest deployment of another group of the stage does, from when each operation is due.
    HalfOf(String),
    /// No load of its own: another row of the rounds of another group of the stage.
    SameRounds(String),
}

impl GroupPace {
    /// The group of the stage that has to be measured before.
    pub fn needs(&self) -> Option<&str> {
        match self {
            Self::Closed => None,
            Self::HalfOf(other) | Self::SameRounds(other) => Some(other),
        }
    }
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
                keep.extend(group.pace.needs().map(str::to_owned));
                keep.extend(group.command.needs().map(str::to_owned));
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

    /// How many cells it has.
    pub fn cells(&self) -> usize {
        let cells = self.groups.iter().map(|group| group.deployments.len());
        cells.sum()
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

    /// How long it takes about, in seconds: the starts of its servers, what is written before, and its groups.
    pub fn estimate(&self) -> f64 {
        let deployments = self.deployments();
        let on_kubernetes = deployments.iter().filter(|one| one.system.has_api_server());
        let started = count(deployments.len()) * START + count(on_kubernetes.count()) * CLUSTER;
        let cells = self.groups.iter().map(PlanGroup::estimate);
        started + float(self.fill_seconds) + cells.sum::<f64>()
    }
}

impl LoadCommand {
    /// The group of the stage that has to be measured before.
    pub fn needs(&self) -> Option<&str> {
        match self {
            Self::Carried(search) => search.after.as_deref(),
            Self::Operation(_)
            | Self::Wake
            | Self::Docker
            | Self::Idle
            | Self::Restart
            | Self::TakeOver(_) => None,
        }
    }

    /// Whether it is a load whose every operation costs the store behind a server something.
    pub fn is_counted(&self) -> bool {
        match self {
            Self::Operation(_) | Self::Wake | Self::Docker => true,
            Self::Carried(_) | Self::Idle | Self::Restart | Self::TakeOver(_) => false,
        }
    }
}

impl PlanGroup {
    /// How long it takes about, in seconds.
    pub fn estimate(&self) -> f64 {
        if let GroupPace::SameRounds(_) = self.pace {
            return 0.0;
        }
        let deployments = count(self.deployments.len());
        let overhead = match &self.command {
            LoadCommand::Operation(_) => CHILD,
            // It settles before and after.
            LoadCommand::Wake => CHILD + 2.0 * self.warm_up,
            // So does this, each time as long as that.
            LoadCommand::Idle => CHILD + self.warm_up,
            LoadCommand::Docker => CHILD + FLEET,
            LoadCommand::Carried(search) => {
                return deployments * float(search.search_seconds);
            }
            LoadCommand::Restart | LoadCommand::TakeOver(_) => START,
        };
        let starts: f64 = self.deployments.iter().map(|one| self.start(*one)).sum();
        let round = self.seconds + self.warm_up + overhead;
        // What the store behind is asked needs a round more.
        let counted = match self.pace {
            GroupPace::Closed if !self.command.is_counted() => 0,
            GroupPace::Closed => self
                .deployments
                .iter()
                .filter(|one| one.system.has_counts())
                .count(),
            GroupPace::HalfOf(_) | GroupPace::SameRounds(_) => 0,
        };
        let rounds = f64::from(self.rounds);
        (deployments * rounds + count(counted)) * round + starts * rounds
    }

    /// How much longer a round is on a deployment whose server begins anew on what it has stored, in seconds.
    fn start(&self, deployment: Deployment) -> f64 {
        let entries = self.series.as_ref().map_or(0, |point| point.size);
        let reads = if deployment.system.has_api_server() {
            float(entries) * OBJECT
        } else {
            0.0
        };
        match self.command {
            LoadCommand::TakeOver(ProcessEnd::Killed) if deployment.system.has_standby() => {
                reads + LEADERSHIP
            }
            LoadCommand::Restart | LoadCommand::TakeOver(_) => reads,
            LoadCommand::Operation(_)
            | LoadCommand::Wake
            | LoadCommand::Docker
            | LoadCommand::Carried(_)
            | LoadCommand::Idle => 0.0,
        }
    }
}

fn float(whole: u64) -> f64 {
    u32::try_from(whole).map_or(f64::MAX, f64::from)
}

fn count(of: usize) -> f64 {
    u32::try_from(of).map_or(f64::MAX, f64::from)
}
