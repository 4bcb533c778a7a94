//! The table of a search for the number of Docker hosts that one store carries.

use super::document::{PageRow, PageTable, RowMark};
use super::tables::GroupPlace;
use super::units::{bytes, float, time, whole};
use crate::bench::field::Deployment;
use crate::bench::suite::CarriedStep;

/// Each deployment with the hosts that it carries, what they took of the machine, and what stopped it.
pub(super) fn table(place: &GroupPlace<'_>) -> PageTable {
    let columns = [
        "",
        "hosts carried",
        "p50",
        "p99",
        "processors, server",
        "memory",
        "what stops it",
        "fleets tried",
    ];
    let deployments = place.group.deployments.iter();
    PageTable {
        caption: place.group.shape.clone(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: deployments.map(|one| row(place, *one)).collect(),
    }
}

fn row(place: &GroupPlace<'_>, deployment: Deployment) -> PageRow {
    let cell = place.cell(deployment);
    let tried = cell.map_or_else(String::new, |cell| tried(&cell.fleets));
    let stopped_by = cell.and_then(|cell| {
        let stopped_by = cell.stopped_by.clone()?;
        Some(match &cell.disturbed {
            None => stopped_by,
            Some(why) => format!("{stopped_by}; disturbed: {why}"),
        })
    });
    let name = deployment.name();
    let Some(of) = place.summary(deployment) else {
        let mut cells = vec![name, place.missing(deployment)];
        cells.resize(7, String::new());
        cells.push(tried);
        return PageRow {
            mark: RowMark::Missing,
            cells,
        };
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    PageRow {
        mark: RowMark::Plain,
        cells: vec![
            name,
            or_none(of.hosts.map(|hosts| whole(hosts.median))),
            time(of.p50_us.median),
            time(of.p99_us.median),
            or_none(of.cores.map(|cores| format!("{:.2}", cores.median))),
            or_none(of.resident_bytes.map(|size| bytes(float(size)))),
            or_none(stopped_by),
            tried,
        ],
    }
}

/// The fleets of a search, in order.
fn tried(fleets: &[CarriedStep]) -> String {
    let fleets = fleets.iter().map(|fleet| {
        let said = if fleet.overload.is_none() {
            "carried"
        } else {
            "too many"
        };
        format!("{} {said}", whole(float(fleet.hosts)))
    });
    fleets.collect::<Vec<String>>().join(", ")
}
