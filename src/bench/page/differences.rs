//! The differences between two reports, cell by cell.

use super::document::{PageDocument, PageRow, PageTable, RowMark};
use super::tables::places;
use super::units::{of_kind, ratio, spread};
use crate::bench::suite::{GroupFigure, ReportBuild, ReportRecord, Spread, summarize};

/// Adds how a report differs from an earlier one to its document.
pub(super) fn write(record: &ReportRecord, earlier: &ReportRecord, document: &mut PageDocument) {
    document.heading(2, "Against another report");
    let name = |build: &ReportBuild| {
        let commit = build.commit.as_deref().unwrap_or("unknown");
        format!("kubekv {}, commit {commit}", build.version)
    };
    document.text(format!(
        "This report: {}. The other one: {}.",
        name(&record.build),
        name(&earlier.build)
    ));
    if record.machine != earlier.machine {
        document.warning(
            "The two reports are of different machines: their figures cannot be compared.",
        );
    }
    if record.build.is_debug != earlier.build.is_debug {
        document.warning(
            "One of the two reports is of a debug build: their figures cannot be compared.",
        );
    }
    let (table, only_here) = differences(record, earlier);
    if table.rows.is_empty() {
        document.text("The two reports have no cell in common.");
    }
    document.table(table);
    if !only_here.is_empty() {
        document.text(format!(
            "Cells that the other report has not: {}.",
            only_here.join(", ")
        ));
    }
}

/// A row for each cell of both, and the ids of cells that the other has not.
fn differences(record: &ReportRecord, earlier: &ReportRecord) -> (PageTable, Vec<String>) {
    let mut table = PageTable {
        caption:
            "A difference counts where no round of one report is within the rounds of the other."
                .to_owned(),
        columns: [
            "",
            "this report",
            "the other",
            "this to the other",
            "difference",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: Vec::new(),
    };
    let mut only_here = Vec::new();
    for place in places(record) {
        for deployment in &place.group.deployments {
            let id = place.stage.cell(place.group, *deployment);
            let Some(now) = place.summary(*deployment) else {
                continue;
            };
            let then = earlier.cells.get(&id);
            let figure = place.group.figure;
            let then = then.and_then(|cell| summarize(cell, &place.group.row));
            let then = then.and_then(|summary| summary.figure(figure));
            let (Some(now), Some(then)) = (now.figure(figure), then) else {
                only_here.push(id);
                continue;
            };
            let name = format!("{}: {}", place.group.title, deployment.name());
            table.rows.push(row(name, figure, now, then));
        }
    }
    (table, only_here)
}

fn row(name: String, figure: GroupFigure, now: Spread, then: Spread) -> PageRow {
    let text = |value: f64| of_kind(figure, value);
    let is_worse = if figure.more_is_better() {
        now.median < then.median
    } else {
        now.median > then.median
    };
    let (mark, said) = match (now.is_apart(then), is_worse) {
        (false, _) => (RowMark::Plain, "none that counts"),
        (true, true) => (RowMark::Loses, "WORSE"),
        (true, false) => (RowMark::Plain, "better"),
    };
    PageRow {
        mark,
        cells: vec![
            name,
            spread(now, text),
            spread(then, text),
            ratio(now.median / then.median.max(1e-9)),
            said.to_owned(),
        ],
    }
}
