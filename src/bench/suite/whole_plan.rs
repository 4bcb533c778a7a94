//! The whole plan of a level.

use super::level::ReportLevel;
use super::plan::ReportPlan;
use super::{carried_stage, idle_stage, primitives, scalability, security};

impl ReportPlan {
    /// The plan of a level.
    pub fn new(level: ReportLevel) -> Self {
        let mut stages = vec![primitives::stage(level)];
        stages.extend(carried_stage::stage(level));
        stages.extend(scalability::stages(level));
        stages.extend(idle_stage::stages(level));
        stages.extend(security::stage(level));
        Self { level, stages }
    }
}
