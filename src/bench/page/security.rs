//! The section about security: what each layer costs, and what a stolen credential reaches.

use super::document::{PageDocument, PageRow, PageTable, RowMark};
use super::tables::{GroupPlace, compared, places};
use super::units::ratios;
use crate::bench::field::{Deployment, SecurityLayer};
use crate::bench::suite::{AttackTables, ReportRecord};

/// Adds the section, if something of it is known.
pub(super) fn write(record: &ReportRecord, document: &mut PageDocument) {
    let mut places = places(record);
    places.retain(GroupPlace::is_of_layers);
    let costs = costs(&places);
    if costs.rows.is_empty() && record.attacks.is_none() {
        return;
    }
    document.heading(2, "Security");
    if !costs.rows.is_empty() {
        document.text(
            "What each layer costs: its figure to that of the same server in plaintext, with which all the rest of this report is measured. Rates: \
             less than 1 is slower. Times: more than 1 is slower.",
        );
        document.table(costs);
        document.text("All layers, beside real servers with what they have:");
        document.table(compared(record, |_, deployment| {
            let real = Deployment::real(deployment.protocol);
            let is_ours = deployment.security == SecurityLayer::Audit;
            is_ours.then(|| real.with(SecurityLayer::AccessLists))
        }));
    }
    if let Some(attacks) = &record.attacks {
        write_attacks(attacks, document);
    }
}

fn costs(places: &[GroupPlace<'_>]) -> PageTable {
    let mut columns = vec![String::new()];
    columns.extend(places.iter().map(|place| place.group.title.clone()));
    let mut deployments: Vec<Deployment> = Vec::new();
    for deployment in places.iter().flat_map(|place| &place.group.deployments) {
        if !deployment.security.is_plaintext() && !deployments.contains(deployment) {
            deployments.push(*deployment);
        }
    }
    let row = |deployment: &Deployment| {
        let cell = |place: &GroupPlace<'_>| {
            let plaintext = deployment.with(SecurityLayer::Plaintext);
            let verdict = place.verdict(*deployment, plaintext);
            verdict.map_or_else(|| "-".to_owned(), |found| ratios(found.ratio))
        };
        let mut cells = vec![deployment.name()];
        cells.extend(places.iter().map(cell));
        PageRow {
            mark: RowMark::Plain,
            cells,
        }
    };
    let mut rows: Vec<PageRow> = deployments.iter().map(row).collect();
    rows.retain(|row| row.cells.iter().skip(1).any(|cell| cell != "-"));
    PageTable {
        caption: String::new(),
        columns,
        rows,
    }
}

fn write_attacks(attacks: &AttackTables, document: &mut PageDocument) {
    document.heading(3, "What a stolen credential reaches");
    document.text(format!(
        "Attacks that were made on each deployment by tests/attacks/run, and counted. Read from {}; it was not measured by this run.",
        attacks.file
    ));
    for table in &attacks.tables {
        document.table(PageTable {
            caption: table.title.clone(),
            columns: table.columns.clone(),
            rows: table
                .rows
                .iter()
                .map(|cells| PageRow {
                    mark: RowMark::Plain,
                    cells: cells.clone(),
                })
                .collect(),
        });
    }
}
