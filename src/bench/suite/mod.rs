//! The suite of measurements behind `kubekv bench report`: a plan of cells, their rounds, and the record of what was measured.
//!
//! A cell is a load on one deployment of the field ([`super::field`]). The cells of a group are the same load on all of them,
//! measured in turn, round by round, because a machine changes over minutes.

mod attacks;
mod carried;
mod carried_stage;
mod carried_step;
mod cell;
mod child;
mod conductor;
mod deployments;
mod error;
mod idle_stage;
mod judgement;
mod level;
mod load_runner;
mod other_load;
mod overload;
mod plan;
mod primitives;
mod record;
mod scalability;
mod security;
mod spread;
mod take_over_groups;
mod whole_plan;

pub use attacks::{AttackTable, AttackTables};
pub use carried_step::CarriedStep;
pub use cell::{CellSummary, CellVerdict, summarize, verdict};
pub use conductor::Conductor;
pub use error::SuiteError;
pub use judgement::disturbance;
pub use level::{LevelTimes, ReportLevel};
pub use plan::{
    CarriedSearch, GroupFigure, GroupPace, LoadCommand, PlanGroup, PlanStage, ReportPlan,
    SeriesPoint,
};
pub use record::{
    CellRecord, DeploymentRecord, RecordMismatch, ReportBuild, ReportRecord, RoundRecord,
};
pub use spread::Spread;
