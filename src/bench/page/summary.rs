//! The summary of a report: the table that documents show, and a plot that stands alone.

use std::fmt::Write;

use super::bars::{Bar, bars};
use super::html::PLOT_STYLE;
use super::tables::{GroupPlace, places};
use super::units::{ratio, time, whole};
use crate::bench::field::Deployment;
use crate::bench::suite::{CellVerdict, GroupFigure, LoadCommand, ReportRecord};
use crate::bench::target::TargetProtocol;

/// The groups of series that are shown: the others are in the report.
const SERIES: [&str; 2] = ["container-start", "start-among"];

/// The pairs that are compared: the title of the column, kubekv, and what stands beside it.
fn pairs() -> [(&'static str, Deployment, Deployment); 6] {
    let real = Deployment::real;
    let embedded = |protocol| (Deployment::embedded(protocol), real(protocol));
    let (consul, consul_real) = embedded(TargetProtocol::Consul);
    let (etcd, etcd_real) = embedded(TargetProtocol::Etcd2);
    let (zookeeper, zookeeper_real) = embedded(TargetProtocol::ZooKeeper);
    let on_etcd = Deployment::on_etcd(TargetProtocol::Etcd2);
    let on_kubernetes = Deployment::on_kubernetes(TargetProtocol::Etcd2);
    [
        ("kubekv's embedded store beside Consul", consul, consul_real),
        ("beside etcd v2", etcd, etcd_real),
        ("beside ZooKeeper", zookeeper, zookeeper_real),
        (
            "kubekv on etcd v3 beside etcd v3 itself",
            on_etcd,
            real(TargetProtocol::Etcd3),
        ),
        (
            "kubekv on Kubernetes beside etcd v3 itself",
            on_kubernetes,
            real(TargetProtocol::Etcd3),
        ),
        (
            "beside kube-apiserver itself",
            on_kubernetes,
            real(TargetProtocol::Kubernetes),
        ),
    ]
}

/// The summary in Markdown: kubekv to what stands beside it, losses in bold, and the hosts that each system carries.
pub fn summary(record: &ReportRecord) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _written = write_ratios(record, &mut out).and_then(|()| write_carried(record, &mut out));
    out
}

fn write_ratios(record: &ReportRecord, out: &mut String) -> std::fmt::Result {
    let pairs = pairs();
    let titles: Vec<&str> = pairs.iter().map(|(title, ..)| *title).collect();
    writeln!(out, "| | {} |", titles.join(" | "))?;
    writeln!(out, "|---|{}", "---|".repeat(pairs.len()))?;
    for place in places(record).iter().filter(|place| is_shown(place)) {
        let cells: Vec<String> = pairs
            .iter()
            .map(|(_, ours, theirs)| place.verdict(*ours, *theirs).map_or(String::new(), cell))
            .collect();
        if cells.iter().all(String::is_empty) {
            continue;
        }
        let of = match place.group.figure {
            GroupFigure::Rate => "",
            GroupFigure::P50 => ", time",
            GroupFigure::Hosts => ", number",
            GroupFigure::Memory => ", bytes",
        };
        writeln!(out, "| {}{of} | {} |", place.group.title, cells.join(" | "))?;
    }
    Ok(())
}

fn is_shown(place: &GroupPlace<'_>) -> bool {
    let series = place.group.series.as_ref();
    !place.is_of_layers() && series.is_none_or(|point| SERIES.contains(&point.key.as_str()))
}

fn cell(verdict: CellVerdict) -> String {
    let text = ratio(verdict.ratio.median);
    let text = if verdict.loses {
        format!("**{text}**")
    } else {
        text
    };
    if verdict.is_close {
        format!("{text} (rounds disagree)")
    } else {
        text
    }
}

/// The hosts that each system carries, with and without containers that start.
fn write_carried(record: &ReportRecord, out: &mut String) -> std::fmt::Result {
    let mut all = places(record);
    all.retain(|place| matches!(place.group.command, LoadCommand::Carried(_)));
    let Some(first) = all.first() else {
        return Ok(());
    };
    let titles: Vec<&str> = all.iter().map(|place| place.group.title.as_str()).collect();
    writeln!(
        out,
        "\n| | {} | p99 there | what stops it |",
        titles.join(" | ")
    )?;
    writeln!(out, "|---|{}---|---|", "---|".repeat(all.len()))?;
    for deployment in &first.group.deployments {
        let hosts = |place: &GroupPlace<'_>| {
            let hosts = place.summary(*deployment).and_then(|of| of.hosts);
            hosts.map_or_else(|| "-".to_owned(), |hosts| whole(hosts.median))
        };
        let hosts: Vec<String> = all.iter().map(hosts).collect();
        let p99 = first.summary(*deployment).map(|of| time(of.p99_us.median));
        let stopped_by = first
            .cell(*deployment)
            .and_then(|cell| cell.stopped_by.clone());
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            deployment.name(),
            hosts.join(" | "),
            p99.unwrap_or_default(),
            stopped_by.unwrap_or_default().replace('|', "\\|")
        )?;
    }
    Ok(())
}

/// The plot of the headline as an SVG file of its own, readable in light and dark; `None` if it was not measured.
pub fn headline_plot(record: &ReportRecord) -> Option<String> {
    let places = places(record);
    let mut carried = places.iter();
    let place = carried.find(|place| matches!(place.group.command, LoadCommand::Carried(_)))?;
    let mut drawn: Vec<Bar> = Vec::new();
    for deployment in &place.group.deployments {
        if let Some(figure) = place.summary(*deployment).and_then(|of| of.hosts) {
            drawn.push(Bar {
                deployment: *deployment,
                figure,
            });
        }
    }
    if drawn.is_empty() {
        return None;
    }
    let plot = bars(&place.group.title, &drawn, whole);
    let (head, rest) = plot.split_once('>')?;
    // A margin, since it has a ground of its own.
    let named = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\"";
    let head = head.replacen("<svg", named, 1);
    let head = head.replacen("viewBox=\"0 0 400", "viewBox=\"-8 -6 416", 1);
    Some(format!(
        "{head}>\n<style>\n{PLOT_STYLE}svg {{ width: 640px; max-width: 100%; }}\n</style>\n\
         <rect class=\"back\" x=\"-8\" y=\"-6\" width=\"100%\" height=\"100%\" />{rest}"
    ))
}
