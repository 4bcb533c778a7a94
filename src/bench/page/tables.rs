//! The tables of a report: the main one, and one of each group.

use super::document::{PageRow, PageTable, RowMark};
use super::units::{bytes, float, number, of_kind, ratios, spread, time};
use crate::bench::field::{Deployment, System};
use crate::bench::suite::{
    CellRecord, CellSummary, CellVerdict, GroupFigure, GroupPace, LoadCommand, PlanGroup,
    PlanStage, ReportRecord, summarize, verdict,
};

/// The stage whose groups are of layers of security.
const LAYERS_STAGE: &str = "security";

/// A cell with its place in the plan.
#[derive(Clone, Copy)]
pub(super) struct GroupPlace<'a> {
    pub(super) record: &'a ReportRecord,
    pub(super) stage: &'a PlanStage,
    pub(super) group: &'a PlanGroup,
}

/// All groups of a report, in their order.
pub(super) fn places(record: &ReportRecord) -> Vec<GroupPlace<'_>> {
    let stages = record.plan.stages.iter();
    let places = stages.flat_map(|stage| {
        let of = move |group| GroupPlace {
            record,
            stage,
            group,
        };
        stage.groups.iter().map(of)
    });
    places.collect()
}

impl<'a> GroupPlace<'a> {
    /// The cell of a deployment.
    pub(super) fn cell(&self, deployment: Deployment) -> Option<&'a CellRecord> {
        let cells = &self.record.cells;
        cells.get(&self.stage.cell(self.group, deployment))
    }

    /// Its figures.
    pub(super) fn summary(&self, deployment: Deployment) -> Option<CellSummary> {
        summarize(self.cell(deployment)?, &self.group.row)
    }

    /// Whether it is about layers of security, whose servers in plaintext are compared elsewhere.
    pub(super) fn is_of_layers(&self) -> bool {
        self.stage.key == LAYERS_STAGE
    }

    /// How a deployment compares with another one.
    pub(super) fn verdict(&self, ours: Deployment, theirs: Deployment) -> Option<CellVerdict> {
        let group = self.group;
        verdict(
            self.cell(ours)?,
            self.cell(theirs)?,
            &group.row,
            group.figure,
        )
    }

    /// The figure by which deployments are compared, as text.
    pub(super) fn figure(&self, of: &CellSummary) -> String {
        let figure = self.group.figure;
        let found = of.figure(figure);
        found.map_or_else(
            || "-".to_owned(),
            |found| spread(found, |value| of_kind(figure, value)),
        )
    }

    /// Why there is no figure of a deployment.
    pub(super) fn missing(&self, deployment: Deployment) -> String {
        let key = deployment.key();
        if let Some(why) = self.record.missing.get(&key) {
            return format!("not measured: {why}");
        }
        match self.cell(deployment) {
            Some(CellRecord {
                failed: Some(why), ..
            }) => format!("failed: {why}"),
            Some(cell) if !cell.rounds.is_empty() => {
                format!("no {} was answered", self.group.row)
            }
            Some(_) | None => "not measured yet".to_owned(),
        }
    }
}

/// kubekv on a kind of store beside its rivals, over all groups but those of layers of security.
pub(super) fn main_table(
    record: &ReportRecord,
    ours: System,
    rival: impl Fn(Deployment) -> Deployment,
) -> PageTable {
    compared(record, |place, deployment| {
        let is_wanted = deployment.system == ours && !place.is_of_layers();
        is_wanted.then(|| rival(deployment))
    })
}

/// Deployments beside others, over all groups.
pub(super) fn compared(
    record: &ReportRecord,
    rival: impl Fn(&GroupPlace<'_>, Deployment) -> Option<Deployment>,
) -> PageTable {
    let mut table = PageTable {
        columns: ["", "kubekv", "beside it", "kubekv to it", "rounds say"]
            .map(str::to_owned)
            .to_vec(),
        ..PageTable::default()
    };
    for place in places(record) {
        let all = &place.group.deployments;
        for deployment in all {
            let rival = rival(&place, *deployment);
            if let Some(rival) = rival.filter(|rival| all.contains(rival)) {
                table.rows.push(main_row(&place, *deployment, rival));
            }
        }
    }
    table
}

fn main_row(place: &GroupPlace<'_>, ours: Deployment, theirs: Deployment) -> PageRow {
    let name = format!(
        "{}, {} beside {}",
        place.group.title,
        api(ours),
        theirs.name()
    );
    let figure = |deployment| {
        let summary = place.summary(deployment);
        summary.map_or_else(|| "-".to_owned(), |of| place.figure(&of))
    };
    let Some(verdict) = place.verdict(ours, theirs) else {
        let without = [ours, theirs]
            .into_iter()
            .find(|one| place.summary(*one).is_none());
        let why = without.map_or_else(
            || {
                let why = match place.group.figure {
                    GroupFigure::Memory => "one took no more memory than before",
                    GroupFigure::Rate | GroupFigure::P50 | GroupFigure::Hosts => {
                        "one answered nothing in time"
                    }
                };
                why.to_owned()
            },
            |one| place.missing(one),
        );
        return PageRow {
            mark: RowMark::Missing,
            cells: vec![name, figure(ours), figure(theirs), "-".to_owned(), why],
        };
    };
    PageRow {
        mark: if verdict.loses {
            RowMark::Loses
        } else {
            RowMark::Plain
        },
        cells: vec![
            name,
            figure(ours),
            figure(theirs),
            ratios(verdict.ratio),
            says(place, &verdict, [ours, theirs]),
        ],
    }
}

/// The protocol, where its name says which row it is.
fn api(deployment: Deployment) -> String {
    let name = deployment.name();
    let api = name.split_once(", ").map_or("", |(_, api)| api);
    api.to_owned()
}

/// What the rounds of two cells say, in words.
fn says(place: &GroupPlace<'_>, verdict: &CellVerdict, both: [Deployment; 2]) -> String {
    let mut words = vec![match (verdict.loses, verdict.is_close) {
        (true, false) => "LOSES".to_owned(),
        (true, true) => "LOSES, but rounds disagree".to_owned(),
        (false, true) => "wins, but rounds disagree".to_owned(),
        (false, false) => "wins".to_owned(),
    }];
    let is_disturbed = |deployment: &Deployment| {
        let cell = place.cell(*deployment);
        cell.is_some_and(|cell| cell.disturbed.is_some())
    };
    if both.iter().any(is_disturbed) {
        words.push("disturbed".to_owned());
    }
    words.join("; ")
}

/// The rows in which kubekv loses, the worst first: how many times worse it is, and the row's name.
pub(super) fn lost(record: &ReportRecord) -> Vec<(f64, String)> {
    let mut found = Vec::new();
    for place in places(record) {
        for ours in &place.group.deployments {
            // In plaintext they are compared elsewhere.
            if place.is_of_layers() && ours.security.is_plaintext() {
                continue;
            }
            for theirs in ours.rivals() {
                let Some(verdict) = place.verdict(*ours, theirs) else {
                    continue;
                };
                if !verdict.loses {
                    continue;
                }
                let ratio = verdict.ratio.median;
                let worse = if place.group.figure.more_is_better() {
                    1.0 / ratio.max(1e-9)
                } else {
                    ratio
                };
                let name = format!(
                    "{}: {} beside {}",
                    place.group.title,
                    ours.name(),
                    theirs.name()
                );
                found.push((worse, format!("{name}: {}", ratios(verdict.ratio))));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    found
}

/// All deployments of a group.
pub(super) fn group_table(place: &GroupPlace<'_>) -> PageTable {
    let closed = place.group.pace == GroupPace::Closed;
    let is_operation = matches!(place.group.command, LoadCommand::Operation(_));
    let shows_rate = closed && is_operation;
    let figures: &[&str] = if shows_rate {
        &["a second"]
    } else {
        &["p50", "p99"]
    };
    let mut columns: Vec<String> = vec![String::new()];
    columns.extend(figures.iter().copied().map(str::to_owned));
    columns.extend(
        [
            "processor time each",
            "processors in use",
            "memory",
            "written each",
            "store asked each",
            "notes",
        ]
        .map(str::to_owned),
    );
    let width = columns.len();
    let row = |deployment: &Deployment| {
        let name = deployment.name();
        let (Some(cell), Some(of)) = (place.cell(*deployment), place.summary(*deployment)) else {
            let mut cells = vec![name, place.missing(*deployment)];
            cells.resize(width, String::new());
            return PageRow {
                mark: RowMark::Missing,
                cells,
            };
        };
        let mut cells = vec![name];
        if shows_rate {
            cells.push(spread(of.rate, number));
        } else {
            cells.extend([spread(of.p50_us, time), spread(of.p99_us, time)]);
        }
        cells.extend(costs(cell, &of));
        PageRow {
            mark: RowMark::Plain,
            cells,
        }
    };
    PageTable {
        caption: place.group.shape.clone(),
        rows: place.group.deployments.iter().map(row).collect(),
        columns,
    }
}

/// What a cell costs besides time: the columns after its figures.
fn costs(cell: &CellRecord, of: &CellSummary) -> [String; 6] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let backend = cell.backend.map(|counts| {
        let (requests, sent) = (number(counts.requests), bytes(counts.bytes));
        format!("{requests} requests, {sent}")
    });
    [
        or_none(of.cpu_us.map(|each| time(each.median))),
        or_none(of.cores.map(|cores| format!("{:.2}", cores.median))),
        or_none(of.resident_bytes.map(|size| bytes(float(size)))),
        or_none(of.written_bytes.map(|each| bytes(each.median))),
        or_none(backend),
        notes(cell, of),
    ]
}

/// What is to be noted of a cell, in words.
pub(super) fn notes(cell: &CellRecord, of: &CellSummary) -> String {
    let mut notes = Vec::new();
    if let Some(why) = &cell.disturbed {
        notes.push(format!("disturbed: {why}"));
    }
    for (limit, rounds) in &of.limits {
        notes.push(format!("limited by {limit} in {rounds} rounds"));
    }
    if of.failures > 0 {
        notes.push(format!("{} failed", of.failures));
    }
    if of.not_sent > 0 {
        notes.push(format!("{} due and not sent", of.not_sent));
    }
    notes.join("; ")
}
