//! Figures that a group takes from another one of its stage: its rounds, or a rate.

use crate::bench::field::Deployment;
use crate::bench::suite::cell::summarize;
use crate::bench::suite::judgement::disturbance;
use crate::bench::suite::plan::{PlanGroup, PlanStage};
use crate::bench::suite::record::{CellRecord, ReportRecord};

/// The fewest operations that a latency is measured by, in a round.
const FEWEST: f64 = 20.0;

/// Takes the rounds of another group for cells of this one, which shows another row of them.
pub(super) fn copy_rounds(
    record: &mut ReportRecord,
    stage: &PlanStage,
    group: &PlanGroup,
    other: &str,
    todo: &[Deployment],
) {
    let Some(found) = stage.groups.iter().find(|one| one.key == other) else {
        return;
    };
    for deployment in todo {
        let Some(cell) = record.cells.get(&stage.cell(found, *deployment)) else {
            continue;
        };
        let cell = CellRecord {
            disturbed: disturbance(&cell.rounds, &group.row, group.figure),
            discarded: Vec::new(),
            ..cell.clone()
        };
        record.cells.insert(stage.cell(group, *deployment), cell);
    }
}

/// Half of what the slowest deployment of another group did, and no less than a round needs.
pub(super) fn rate(
    record: &ReportRecord,
    stage: &PlanStage,
    group: &PlanGroup,
    other: &str,
) -> Option<f64> {
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
