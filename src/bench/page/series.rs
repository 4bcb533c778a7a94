//! Series: a figure over a size that grows, as a plot and as slopes.

use super::document::{PageDocument, PageRow, PageTable, RowMark};
use super::lines::{Curve, CurvePlot};
use super::model::GrowthModel;
use super::tables::{GroupPlace, places};
use super::units::{bytes, number, of_kind, time, whole};
use super::{memory, prediction};
use crate::bench::field::Deployment;
use crate::bench::suite::{GroupFigure, ReportRecord, Spread};

/// A series: groups of one key, by size.
struct Series<'a> {
    key: &'a str,
    of: &'a str,
    places: Vec<(u64, GroupPlace<'a>)>,
}

/// Adds each series of a report to its document.
pub(super) fn write(record: &ReportRecord, document: &mut PageDocument) {
    for series in all(record) {
        let (table, curves, figure) = series.measured();
        if curves.is_empty() {
            continue;
        }
        let title = format!("{}, over the number of {}", series.title(), series.of);
        document.heading(3, title.clone());
        let plot = CurvePlot {
            title: &title,
            of: series.of,
            curves: &curves,
        };
        let text: fn(f64) -> String = match figure {
            GroupFigure::Rate => number,
            GroupFigure::P50 => time,
            GroupFigure::Hosts => whole,
            GroupFigure::Memory => bytes,
        };
        document.plot("", plot.svg(text));
        document.table(table);
        document.table(prediction::table(series.of, figure, &curves));
    }
    memory::write(record, document);
}

/// The series of a report that have two sizes or more.
fn all(record: &ReportRecord) -> Vec<Series<'_>> {
    let mut found: Vec<Series<'_>> = Vec::new();
    for place in places(record) {
        let Some(point) = &place.group.series else {
            continue;
        };
        match found.iter_mut().find(|series| series.key == point.key) {
            Some(series) => series.places.push((point.size, place)),
            None => found.push(Series {
                key: &point.key,
                of: &point.of,
                places: vec![(point.size, place)],
            }),
        }
    }
    found.retain(|series| series.places.len() > 1);
    found
}

impl Series<'_> {
    /// The title of its groups, without the size.
    fn title(&self) -> String {
        let Some((size, place)) = self.places.first() else {
            return String::new();
        };
        let size = format!(" {}", whole(super::units::float(*size)));
        let title = &place.group.title;
        let title = title.split(',').next().unwrap_or(title);
        title.replace(&size, "")
    }

    fn measured(&self) -> (PageTable, Vec<Curve>, GroupFigure) {
        let figure = self
            .places
            .first()
            .map_or(GroupFigure::P50, |(_, place)| place.group.figure);
        let text = |value: f64| of_kind(figure, value);
        let mut columns = vec![String::new()];
        let sizes = self
            .places
            .iter()
            .map(|(size, _)| super::units::float(*size));
        columns.extend(sizes.map(|size| format!("{} {}", whole(size), self.of)));
        columns.push("slope".to_owned());
        let mut table = PageTable {
            caption: "Slope: the power of the size that the figure grows with, by least squares. \
                      0: it does not matter, 1: twice the size, twice the figure."
                .to_owned(),
            columns,
            rows: Vec::new(),
        };
        let mut curves = Vec::new();
        for deployment in self.deployments() {
            let of = |(size, place): &(u64, GroupPlace<'_>)| {
                let figure = figure_of(place, deployment).map(|figure| figure.median);
                (super::units::float(*size), figure)
            };
            let all: Vec<(f64, Option<f64>)> = self.places.iter().map(of).collect();
            let points: Vec<(f64, f64)> = all
                .iter()
                .filter_map(|(size, figure)| Some((*size, figure.filter(|figure| *figure > 0.0)?)))
                .collect();
            let mut cells = vec![deployment.name()];
            cells.extend(
                all.iter()
                    .map(|(_, figure)| figure.map_or_else(|| "-".to_owned(), text)),
            );
            cells.push(match GrowthModel::power(&points) {
                Some(GrowthModel::Power { power, .. }) => format!("{power:.2}"),
                Some(GrowthModel::Linear { .. }) | None => "-".to_owned(),
            });
            let mark = if points.is_empty() {
                RowMark::Missing
            } else {
                RowMark::Plain
            };
            table.rows.push(PageRow { mark, cells });
            if !points.is_empty() {
                curves.push(Curve { deployment, points });
            }
        }
        (table, curves, figure)
    }

    fn deployments(&self) -> Vec<Deployment> {
        let mut all = Vec::new();
        for (_, place) in &self.places {
            for deployment in &place.group.deployments {
                if !all.contains(deployment) {
                    all.push(*deployment);
                }
            }
        }
        all
    }
}

fn figure_of(place: &GroupPlace<'_>, deployment: Deployment) -> Option<Spread> {
    place.summary(deployment)?.figure(place.group.figure)
}
