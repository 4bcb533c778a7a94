//! The method of a report: machine, versions, how it was measured, and every command line.

use super::document::{PageDocument, PageRow, PageTable, RowMark};
use super::units::{bytes, float};
use crate::bench::suite::{ReportLevel, ReportRecord};

/// Adds what a reader has to know before the figures.
pub(super) fn write_head(record: &ReportRecord, document: &mut PageDocument) {
    let ReportRecord { build, machine, .. } = record;
    if build.is_debug {
        document.warning(
            "DEBUG BUILD: kubekv was not optimized. No figure of this report means anything.",
        );
    }
    let commit = build.commit.as_deref().unwrap_or("unknown");
    document.list(vec![
        "Every round as it was measured is in report.json, the plots are in report.html."
            .to_owned(),
        format!(
            "Machine: {} cores, {}, {} of memory, Linux {}",
            machine.cores,
            machine.processor,
            bytes(float(record.memory_bytes)),
            machine.kernel
        ),
        format!("kubekv {}, commit {commit}", build.version),
        format!("Level: {}", record.plan.level.name()),
        format!("Command: kubekv {}", build.arguments.join(" ")),
        format!(
            "Begun {}, ended {} (UTC)",
            date(record.started_ms),
            date(record.ended_ms)
        ),
    ]);
    let missing = record
        .missing
        .iter()
        .map(|(key, why)| format!("Not measured: {key}: {why}"));
    document.list(missing.collect());
    let open = open_cells(record);
    if open > 0 {
        document.warning(format!(
            "{open} cells are not measured yet, or failed: the same command goes on with them."
        ));
    }
    let disturbed = record
        .cells
        .values()
        .filter(|cell| cell.disturbed.is_some());
    let (disturbed, all) = (disturbed.count(), record.cells.len());
    if disturbed > 0 {
        document.warning(format!("{disturbed} of {all} cells were disturbed, and again when they were repeated: they are marked."));
    }
}

/// The cells that have no figure though their programs are there.
fn open_cells(record: &ReportRecord) -> usize {
    let mut open = 0;
    for stage in &record.plan.stages {
        for group in &stage.groups {
            let lacks = group.deployments.iter().filter(|deployment| {
                let is_there = !record.missing.contains_key(&deployment.key());
                is_there && !record.has(&stage.cell(group, **deployment))
            });
            open += lacks.count();
        }
    }
    open
}

/// Adds how it was measured.
pub(super) fn write(record: &ReportRecord, document: &mut PageDocument) {
    document.heading(2, "How it was measured");
    let rounds = match record.plan.level {
        ReportLevel::Quick => {
            "The quick level is for a first look: its rounds are short, and their spread is wide."
        }
        ReportLevel::Standard | ReportLevel::Full => {
            "Each figure is the median of its rounds, with the lowest and the highest."
        }
    };
    document.text(rounds);
    document.list(
        [
            "Every server ran on this machine, on loopback, with a data directory of its own on one disk, and synced every write. All \
             of a stage ran at once, and one was under load at a time, in turn: round 1 of each, then round 2 of each.",
            "Each row of kubekv is a gateway of its own, so that memory is of one protocol's work. On etcd v3 and on Kubernetes, processor time, \
             memory and bytes are those of kubekv and of the servers behind it together.",
            "Client and servers shared the processors. Each round was a kubekv bench of its own, after a warm-up that is in no figure.",
            "Rates: each client sends when its last operation was answered. Latencies of operations: at half of the rate of the slowest, \
             from when each was due, so that a server that stalls is charged with what it delayed.",
            "Processor time each: of the server, for an operation. Written each: bytes to the disk, for an operation. Store asked each: \
             requests to the etcd behind kubekv and bytes from and to it, for an operation, in a load of its own.",
            "Disturbed: others than the load and the server used more than 15 % of the processors, or rounds differ by more than half \
             (latencies: by as much) as their median. Such a cell was measured once more, if there was time, and marked if it was disturbed again.",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    document.heading(3, "Servers");
    let mut servers = PageTable {
        columns: ["", "version", "command lines and configuration"]
            .map(str::to_owned)
            .to_vec(),
        ..PageTable::default()
    };
    for deployment in record.deployments.values() {
        servers.rows.push(PageRow {
            mark: RowMark::Plain,
            cells: vec![
                deployment.name.clone(),
                deployment.version.clone(),
                deployment.commands.join(" ; "),
            ],
        });
    }
    document.table(servers);
    document.heading(3, "Loads");
    let mut loads = PageTable {
        columns: ["cell", "command"].map(str::to_owned).to_vec(),
        ..PageTable::default()
    };
    for (id, cell) in &record.cells {
        if !cell.arguments.is_empty() {
            loads.rows.push(PageRow {
                mark: RowMark::Plain,
                cells: vec![id.clone(), format!("kubekv {}", cell.arguments.join(" "))],
            });
        }
    }
    document.table(loads);
}

/// A time, in minutes.
fn date(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms);
    at.map_or_else(
        |_| "at an unknown time".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}
