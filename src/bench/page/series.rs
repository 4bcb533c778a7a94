//! Series: a figure over a size that grows, as a plot and as slopes.

use super::document::{PageDocument, PageRow, PageTable, RowMark};
use super::lines::{Curve, CurvePlot};
use super::tables::{GroupPlace, places};
use super::units::{number, time, whole};
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
        let svg = match figure {
            GroupFigure::Rate => plot.svg(number),
            GroupFigure::P50 => plot.svg(time),
        };
        document.plot("", svg);
        document.table(table);
    }
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
        let text = |value: f64| match figure {
            GroupFigure::Rate => format!("{}/s", number(value)),
            GroupFigure::P50 => time(value),
        };
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
            cells
                .push(slope(&points).map_or_else(|| "-".to_owned(), |slope| format!("{slope:.2}")));
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
    let summary = place.summary(deployment)?;
    Some(match place.group.figure {
        GroupFigure::Rate => summary.rate,
        GroupFigure::P50 => summary.p50_us,
    })
}

/// The slope of figures over sizes, both as logarithms, by least squares; `None` for fewer than two sizes.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = f64::from(u32::try_from(logs.len()).ok()?);
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|(x, _)| *x), mean(|(_, y)| *y));
    let across: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let along: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (along > 1e-9).then(|| across / along)
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn the_slope_is_the_power_of_the_size() {
        let square = [(1.0, 2.0), (10.0, 200.0), (100.0, 20_000.0)];
        assert!((slope(&square).unwrap() - 2.0).abs() < 1e-9);
        let flat = [(1.0, 5.0), (1_000.0, 5.0)];
        assert!(slope(&flat).unwrap().abs() < 1e-9);
        assert_eq!(slope(&[(1.0, 5.0)]), None);
        assert_eq!(slope(&[]), None);
    }
}
