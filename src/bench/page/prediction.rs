//! Predictions of a series: what models that know all sizes but the last say of the last one, and of one beyond.

use super::document::{PageRow, PageTable, RowMark};
use super::lines::Curve;
use super::model::GrowthModel;
use super::units::{of_kind, whole};
use crate::bench::suite::GroupFigure;

/// How much larger than the last size the one is that is predicted and not measured.
const BEYOND: f64 = 10.0;

/// The fewest sizes: two for a fit, and one that checks it.
const FEWEST: usize = 3;

/// A fit of points.
type Fit = fn(&[(f64, f64)]) -> Option<GrowthModel>;

/// The models: a name and a fit each.
const MODELS: [(&str, Fit); 2] = [
    ("a power of the size", GrowthModel::power),
    ("a constant, and a part for each", GrowthModel::linear),
];

/// What the models say of each curve; no rows where there are too few sizes.
pub(super) fn table(of: &str, figure: GroupFigure, curves: &[Curve]) -> PageTable {
    let last = curves.iter().filter_map(|curve| curve.points.last());
    let last = last.map(|(size, _)| *size).fold(0.0, f64::max);
    let mut columns = vec![String::new(), format!("measured at {} {of}", whole(last))];
    columns.extend(MODELS.map(|(name, _)| format!("predicted: {name}")));
    columns.push(format!(
        "at {} {of}, if it goes on so",
        whole(last * BEYOND)
    ));
    let usable = curves
        .iter()
        .filter(|curve| curve.points.len() >= FEWEST)
        .filter(|curve| curve.points.last().is_some_and(|(size, _)| *size >= last));
    PageTable {
        caption: "Two models, fitted to all sizes but the last by least squares (of logarithms, and of relative errors), and what they say of the \
                  last one, which they were not fitted to, with their error. The last column is of the model that was nearer, fitted to all sizes. It \
                  assumes that nothing else becomes scarce: memory, processors, open files, the disk."
            .to_owned(),
        columns,
        rows: usable.filter_map(|curve| row(curve, figure)).collect(),
    }
}

fn row(curve: &Curve, figure: GroupFigure) -> Option<PageRow> {
    let ((size, measured), before) = curve.points.split_last()?;
    let mut cells = vec![curve.deployment.name(), of_kind(figure, *measured)];
    let mut nearest: Option<(f64, Fit)> = None;
    for (_, fit) in MODELS {
        let predicted = predict(fit, before, *size, figure);
        cells.push(predicted.map_or_else(
            || "-".to_owned(),
            |predicted| {
                let error = (predicted / measured - 1.0) * 100.0;
                format!("{} ({error:+.0} %)", of_kind(figure, predicted))
            },
        ));
        if let Some(predicted) = predicted {
            let error = (predicted / measured).ln().abs();
            if nearest.is_none_or(|(least, _)| error < least) {
                nearest = Some((error, fit));
            }
        }
    }
    let beyond = nearest.and_then(|(_, fit)| predict(fit, &curve.points, size * BEYOND, figure));
    cells.push(beyond.map_or_else(|| "-".to_owned(), |beyond| of_kind(figure, beyond)));
    Some(PageRow {
        mark: RowMark::Plain,
        cells,
    })
}

/// The figure at a size. Of a rate the time of an operation is what grows.
fn predict(fit: Fit, points: &[(f64, f64)], size: f64, figure: GroupFigure) -> Option<f64> {
    let turned = |value: f64| match figure {
        GroupFigure::Rate => 1.0 / value.max(f64::MIN_POSITIVE),
        GroupFigure::P50 | GroupFigure::Hosts | GroupFigure::Memory => value,
    };
    let points: Vec<(f64, f64)> = points.iter().map(|(x, y)| (*x, turned(*y))).collect();
    fit(&points)?.at(size).map(turned)
}
