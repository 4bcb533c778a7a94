//! The content of a report: its summary, its groups, its series, and how it was measured.

use super::bars::{Bar, bars};
use super::document::{PageDocument, PageRow, PageTable, RowMark};
use super::tables::{GroupPlace, group_table, lost, main_table, places};
use super::units::{bytes, number, time, whole};
use super::{carried, differences, memory, method, security, series};
use crate::bench::field::{Deployment, System};
use crate::bench::suite::{GroupFigure, GroupPace, LoadCommand, ReportRecord};
use crate::bench::target::TargetProtocol;

/// How many of the rows in which kubekv loses are named first.
const WORST: usize = 3;

/// The document of a report, with how it differs from an earlier one.
pub fn document(record: &ReportRecord, earlier: Option<&ReportRecord>) -> PageDocument {
    let mut document = PageDocument {
        title: "The costs of a key/value store for Docker's networks".to_owned(),
        ..PageDocument::default()
    };
    method::write_head(record, &mut document);
    write_summary(record, &mut document);
    if let Some(earlier) = earlier {
        differences::write(record, earlier, &mut document);
    }
    document.heading(2, "Group by group");
    for place in places(record) {
        write_group(&place, &mut document);
    }
    document.heading(2, "As sizes grow");
    series::write(record, &mut document);
    security::write(record, &mut document);
    method::write(record, &mut document);
    document
}

fn write_summary(record: &ReportRecord, document: &mut PageDocument) {
    document.heading(2, "kubekv beside the real servers");
    document.text(
        "kubekv on its embedded store beside the server whose protocol it speaks. Rates: more is better. Times: less is better. Rows \
         in which kubekv loses say so.",
    );
    let real = |ours: Deployment| Deployment::real(ours.protocol);
    let mut table = main_table(record, System::KubekvEmbedded, real);
    // Rows stay in the order of groups, and those without figures come last.
    table.rows.sort_by_key(|row| row.mark == RowMark::Missing);
    document.table(table);
    let direct = |_| Deployment::real(TargetProtocol::Etcd3);
    let table = main_table(record, System::KubekvOnEtcd, direct);
    if !table.rows.is_empty() {
        document.heading(2, "kubekv on etcd v3 beside etcd v3 asked directly");
        document.text("What it costs to go through kubekv instead of asking its store.");
        document.table(table);
    }
    let mut table = main_table(record, System::KubekvOnKubernetes, direct);
    let beside = main_table(record, System::KubekvOnKubernetes, |_| {
        Deployment::real(TargetProtocol::Kubernetes)
    });
    table.rows.extend(beside.rows);
    if !table.rows.is_empty() {
        document.heading(
            2,
            "kubekv on Kubernetes beside etcd v3 and the API server asked directly",
        );
        document.text(
            "The two ways to give Docker's drivers a store that the post names: key/value semantics on top of the structured API, and the \
             cluster's own store exposed as it is. Beside it the structured API itself, which Docker's drivers do not speak: each key a ConfigMap.",
        );
        document.table(table);
    }
    document.heading(2, "Where kubekv loses");
    let lost = lost(record);
    if lost.is_empty() {
        document.text("In no row that was measured.");
        return;
    }
    document.text(format!("In {} comparisons. The worst:", lost.len()));
    let worst = lost.iter().take(WORST);
    document.list(worst.map(|(_, row)| row.clone()).collect());
    let mut rest = PageTable {
        columns: vec!["the others".to_owned(), "times worse".to_owned()],
        ..PageTable::default()
    };
    for (worse, row) in lost.iter().skip(WORST) {
        rest.rows.push(PageRow {
            mark: RowMark::Loses,
            cells: vec![row.clone(), format!("{worse:.2}")],
        });
    }
    document.table(rest);
}

fn write_group(place: &GroupPlace<'_>, document: &mut PageDocument) {
    document.heading(3, place.group.title.clone());
    if let GroupPace::HalfOf(_) = place.group.pace {
        let key = format!("{}/{}", place.stage.key, place.group.key);
        match place.record.rates.get(&key) {
            Some(rate) => document.text(format!(
                "At {} operations a second: half of what the slowest does, and no fewer than 20 in a round.",
                number(*rate)
            )),
            None => document.text("No rate is known yet."),
        }
    }
    let figure = place.group.figure;
    let mut drawn = Vec::new();
    for deployment in &place.group.deployments {
        let summary = place.summary(*deployment);
        if let Some(figure) = summary.and_then(|summary| summary.figure(figure)) {
            drawn.push(Bar {
                deployment: *deployment,
                figure,
            });
        }
    }
    if !drawn.is_empty() {
        let (caption, text): (&str, fn(f64) -> String) = match figure {
            GroupFigure::Rate => ("Operations a second: more is better", number),
            GroupFigure::P50 => ("Median: less is better", time),
            GroupFigure::Hosts => ("Hosts: more is better", whole),
            GroupFigure::Memory => ("Memory of each: less is better", bytes),
        };
        let title = format!("{}: {caption}", place.group.title);
        document.plot(caption, bars(&title, &drawn, text));
    }
    document.table(match place.group.command {
        LoadCommand::Carried(_) => carried::table(place),
        LoadCommand::Operation(_)
        | LoadCommand::Wake
        | LoadCommand::Docker
        | LoadCommand::Restart
        | LoadCommand::TakeOver(_) => group_table(place),
        LoadCommand::Idle => memory::idle_table(place),
    });
}
