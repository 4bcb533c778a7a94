//! The record of a report: everything that was measured, as `report.json` keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::attacks::AttackTables;
use super::carried_step::CarriedStep;
use super::plan::ReportPlan;
use crate::bench::field::BackendCounts;
use crate::bench::report::{Machine, RunResult};

/// The version of this format.
const FORMAT: u32 = 1;

/// All of a report, with each round as it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportRecord {
    /// The version of this format.
    pub kubekv_report: u32,
    /// What was to be measured.
    pub plan: ReportPlan,
    /// The program that measured.
    pub build: ReportBuild,
    /// The machine.
    pub machine: Machine,
    /// Its memory, in bytes.
    pub memory_bytes: u64,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When the last cell ended, in milliseconds since 1970.
    pub ended_ms: i64,
    /// By the key of a deployment.
    pub deployments: BTreeMap<String, DeploymentRecord>,
    /// Why deployments are not measured, by their keys.
    pub missing: BTreeMap<String, String>,
    /// The rates of groups that are measured at one, by stage and group.
    pub rates: BTreeMap<String, f64>,
    /// By the id of a cell.
    pub cells: BTreeMap<String, CellRecord>,
    /// What attacks on deployments came to, if a file with that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attacks: Option<AttackTables>,
}

/// The program that measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportBuild {
    /// Its version.
    pub version: String,
    /// The commit of the checkout that it lies in, if it does.
    pub commit: Option<String>,
    /// Whether it is not optimized, so that no figure means anything.
    pub is_debug: bool,
    /// The arguments of the command.
    pub arguments: Vec<String>,
}

/// A deployment as it was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// Its name for readers.
    pub name: String,
    /// The versions of its programs.
    pub version: String,
    /// The command lines and configurations of its programs.
    pub commands: Vec<String>,
}

/// What was measured of a cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// The arguments of `kubekv`, with TARGET for the server.
    pub arguments: Vec<String>,
    /// The rounds.
    pub rounds: Vec<RoundRecord>,
    /// The rounds that were measured again, because they were disturbed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discarded: Vec<RoundRecord>,
    /// What disturbed the rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disturbed: Option<String>,
    /// Why there are no figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// What the store behind kubekv was asked for each operation of a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendCounts>,
    /// The fleets of a search for the number of hosts that are carried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fleets: Vec<CarriedStep>,
    /// What ended that search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
}

/// A round of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// The result of the load.
    pub result: RunResult,
    /// The share of the machine's processors that was used by others than the client and the deployment, 0 to 1.
    pub other_load: f64,
}

/// Why a report cannot be continued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordMismatch {
    /// It is of a newer format.
    #[error("it is of format {0}; this kubekv knows format {FORMAT}")]
    Format(u32),
    /// It is of another plan.
    #[error("it is of another plan ({0}): give another --out")]
    Plan(&'static str),
    /// It was made by another build.
    #[error("it was made by kubekv {0}, and this is {1}: give another --out")]
    Build(String, String),
    /// It was made on another machine.
    #[error("it was made on another machine ({0}): give another --out")]
    Machine(String),
}

impl ReportRecord {
    /// A record without any cell.
    pub fn new(plan: ReportPlan, build: ReportBuild, started_ms: i64) -> Self {
        Self {
            kubekv_report: FORMAT,
            plan,
            build,
            machine: Machine::this(),
            memory_bytes: memory_bytes(),
            started_ms,
            ended_ms: started_ms,
            deployments: BTreeMap::new(),
            missing: BTreeMap::new(),
            rates: BTreeMap::new(),
            cells: BTreeMap::new(),
            attacks: None,
        }
    }

    /// Fails if a report of an unknown format was read.
    pub fn require_known(&self) -> Result<(), RecordMismatch> {
        if self.kubekv_report == FORMAT {
            return Ok(());
        }
        Err(RecordMismatch::Format(self.kubekv_report))
    }

    /// Fails if cells that this program measures would not be comparable with those that are there.
    pub fn require_same(&self, other: &Self) -> Result<(), RecordMismatch> {
        self.require_known()?;
        if self.plan != other.plan {
            return Err(RecordMismatch::Plan(self.plan.level.name()));
        }
        let name = |build: &ReportBuild| {
            let commit = build.commit.as_deref().unwrap_or("of unknown commit");
            let kind = if build.is_debug {
                ", a debug build"
            } else {
                ""
            };
            format!("{} {commit}{kind}", build.version)
        };
        let (there, here) = (name(&self.build), name(&other.build));
        if there != here {
            return Err(RecordMismatch::Build(there, here));
        }
        if self.machine != other.machine {
            let machine = &self.machine;
            let name = format!("{} cores, {}", machine.cores, machine.processor);
            return Err(RecordMismatch::Machine(name));
        }
        Ok(())
    }

    /// Whether a cell has its figures.
    pub fn has(&self, cell: &str) -> bool {
        let found = self.cells.get(cell);
        found.is_some_and(|cell| !cell.rounds.is_empty())
    }
}

/// The memory of this machine.
fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
