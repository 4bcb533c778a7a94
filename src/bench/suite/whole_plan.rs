//! The whole plan of a level.

use super::level::ReportLevel;
use super::plan::ReportPlan;
use super::{primitives, scalability};

impl ReportPlan {
    /// The plan of a level.
    pub fn new(level: ReportLevel) -> Self {
        let mut stages = vec![primitives::stage(level)];
        stages.extend(scalability::stages(level));
        Self { level, stages }
    }
}
