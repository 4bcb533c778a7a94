//! The memory of a deployment for each entry that it holds, and for each watcher that waits.

use super::document::{PageDocument, PageRow, PageTable, RowMark};
use super::model::GrowthModel;
use super::tables::{GroupPlace, places};
use super::units::{bytes, float};
use crate::bench::field::Deployment;
use crate::bench::suite::ReportRecord;

/// The series whose cells show the memory with so many entries.
const ENTRIES: &str = "entries-get";

/// The series whose cells show the memory with so many watchers.
const WATCHERS: &str = "wake";

/// Adds the table, if something of it was measured.
pub(super) fn write(record: &ReportRecord, document: &mut PageDocument) {
    let places = places(record);
    let mut deployments: Vec<Deployment> = Vec::new();
    for place in places
        .iter()
        .filter(|place| of_series(place, ENTRIES) || of_series(place, WATCHERS))
    {
        for deployment in &place.group.deployments {
            if !deployments.contains(deployment) {
                deployments.push(*deployment);
            }
        }
    }
    let rows = deployments.iter().filter_map(|one| row(&places, *one));
    let table = PageTable {
        caption: "An entry: how the resident memory grows with the entries, by least squares. A watcher: what the largest number of them added, \
                  each with a connection of its own, on ZooKeeper's protocol with a session. A runtime that collects garbage may show its heap's \
                  growth instead; less than nothing is not shown."
            .to_owned(),
        columns: ["", "an entry of 256 bytes", "a watcher"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    };
    if !table.rows.is_empty() {
        document.heading(3, "Memory");
        document.table(table);
    }
}

fn of_series(place: &GroupPlace<'_>, key: &str) -> bool {
    let series = place.group.series.as_ref();
    series.is_some_and(|point| point.key == key)
}

fn row(places: &[GroupPlace<'_>], deployment: Deployment) -> Option<PageRow> {
    let of = |key: &'static str| places.iter().filter(move |place| of_series(place, key));
    let sizes: Vec<(f64, f64)> = of(ENTRIES)
        .filter_map(|place| {
            let size = place.group.series.as_ref()?.size;
            let resident = place.summary(deployment)?.resident_bytes?;
            Some((float(size), float(resident)))
        })
        .collect();
    let entry = match GrowthModel::linear(&sizes) {
        Some(GrowthModel::Linear { each, .. }) => Some(each),
        Some(GrowthModel::Power { .. }) | None => None,
    };
    let watcher = of(WATCHERS)
        .filter_map(|place| waiting(place, deployment))
        .next_back();
    let shown = |each: Option<f64>| {
        let each = each.filter(|each| *each > 0.0);
        each.map_or_else(|| "-".to_owned(), bytes)
    };
    (entry.is_some() || watcher.is_some()).then(|| PageRow {
        mark: RowMark::Plain,
        cells: vec![deployment.name(), shown(entry), shown(watcher)],
    })
}

/// The memory of a watcher of a cell.
fn waiting(place: &GroupPlace<'_>, deployment: Deployment) -> Option<f64> {
    let round = place.cell(deployment)?.rounds.first()?;
    let watch = round.result.watch.as_ref()?;
    let more = float(watch.resident_bytes_waiting?) - float(watch.resident_bytes_before?);
    Some(more / f64::from(watch.watchers.max(1)))
}
