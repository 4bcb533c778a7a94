//! The memory of a deployment for each entry that it holds, and for each watcher, session and connection.

use super::document::{PageDocument, PageRow, PageTable, RowMark};
use super::model::GrowthModel;
use super::tables::{GroupPlace, notes, places};
use super::units::{bytes, float, spread, time};
use crate::bench::field::Deployment;
use crate::bench::idle::IdleKind;
use crate::bench::suite::{LoadCommand, ReportRecord};

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
        .filter(|place| of_series(place, ENTRIES) || of_series(place, WATCHERS) || is_idle(place))
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
                  each with a connection of its own, on ZooKeeper's protocol with a session. A session, a connection: what many idle ones added. A runtime that collects garbage may show its heap's \
                  growth instead; less than nothing is not shown."
            .to_owned(),
        columns: ["", "an entry of 256 bytes", "a watcher", "a session", "a connection"]
            .map(str::to_owned)
            .to_vec(),
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
    let idle = |kind: IdleKind| {
        let mut of = places.iter().filter(|place| is_idle(place));
        let place = of.find(|place| place.group.row == kind.name())?;
        Some(place.summary(deployment)?.idle_bytes?.median)
    };
    let (session, connection) = (idle(IdleKind::Session), idle(IdleKind::Connection));
    let found = [entry, watcher, session, connection];
    let shown = |each: Option<f64>| {
        let each = each.filter(|each| *each > 0.0);
        each.map_or_else(|| "-".to_owned(), bytes)
    };
    let mut cells = vec![deployment.name()];
    cells.extend(found.map(shown));
    found.iter().any(Option::is_some).then_some(PageRow {
        mark: RowMark::Plain,
        cells,
    })
}

fn is_idle(place: &GroupPlace<'_>) -> bool {
    place.group.command == LoadCommand::Idle
}

/// The table of a group of idle sessions or connections.
pub(super) fn idle_table(place: &GroupPlace<'_>) -> PageTable {
    let columns = [
        "",
        "memory of each",
        "memory with all",
        "p50 to open",
        "notes",
    ];
    let row = |deployment: &Deployment| {
        let name = deployment.name();
        let (Some(cell), Some(of)) = (place.cell(*deployment), place.summary(*deployment)) else {
            let mut cells = vec![name, place.missing(*deployment)];
            cells.resize(columns.len(), String::new());
            return PageRow {
                mark: RowMark::Missing,
                cells,
            };
        };
        let none = || "no more than before".to_owned();
        PageRow {
            mark: RowMark::Plain,
            cells: vec![
                name,
                of.idle_bytes.map_or_else(none, |each| spread(each, bytes)),
                of.resident_bytes
                    .map_or_else(String::new, |size| bytes(float(size))),
                spread(of.p50_us, time),
                notes(cell, &of),
            ],
        }
    };
    PageTable {
        caption: place.group.shape.clone(),
        rows: place.group.deployments.iter().map(row).collect(),
        columns: columns.map(str::to_owned).to_vec(),
    }
}

/// The memory of a watcher of a cell.
fn waiting(place: &GroupPlace<'_>, deployment: Deployment) -> Option<f64> {
    let round = place.cell(deployment)?.rounds.first()?;
    let watch = round.result.watch.as_ref()?;
    let more = float(watch.resident_bytes_waiting?) - float(watch.resident_bytes_before?);
    Some(more / f64::from(watch.watchers.max(1)))
}
