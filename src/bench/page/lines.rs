//! Curves: a figure over a size that grows, both axes in powers of ten.

use std::fmt::Write;

use super::html::escaped;
use super::plot_style::{class, is_square};
use crate::bench::field::Deployment;

/// The width of a plot, in units of its own; about a phone's.
const WIDTH: f64 = 400.0;

/// The height of the curves' area.
const HEIGHT: f64 = 200.0;

/// The space left of it, for the figures of the axis.
const LEFT: f64 = 52.0;

/// The space right of it.
const RIGHT: f64 = 10.0;

/// The space above it.
const TOP: f64 = 10.0;

/// The height of a line of the legend.
const LEGEND: f64 = 16.0;

/// A curve.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) deployment: Deployment,
    /// Sizes and figures, all above 0.
    pub(super) points: Vec<(f64, f64)>,
}

/// A plot of curves.
#[derive(Clone, Debug)]
pub(super) struct CurvePlot<'a> {
    pub(super) title: &'a str,
    /// What grows.
    pub(super) of: &'a str,
    pub(super) curves: &'a [Curve],
}

/// The places of values on the axes.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
}

impl CurvePlot<'_> {
    /// The drawing; `text` is how figures of the axis are shown.
    pub(super) fn svg(&self, text: impl Fn(f64) -> String) -> String {
        let legend = f64::from(u32::try_from(self.curves.len()).unwrap_or(0)) * LEGEND;
        let height = TOP + HEIGHT + 40.0 + legend;
        let title = escaped(self.title);
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n"
        );
        // Writing to a string does not fail.
        let _written = self.write(&text, &mut out);
        out.push_str("</svg>\n");
        out
    }

    fn write(&self, text: &impl Fn(f64) -> String, out: &mut String) -> std::fmt::Result {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let axes = Axes {
            x: decades(points().map(|(x, _)| *x)),
            y: decades(points().map(|(_, y)| *y)),
        };
        for power in powers(axes.y) {
            let y = axes.y(10_f64.powi(power));
            let label = escaped(&text(10_f64.powi(power)));
            writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\" />",
                WIDTH - RIGHT
            )?;
            writeln!(
                out,
                "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 5.0,
                y + 4.0
            )?;
        }
        let mut sizes: Vec<f64> = points().map(|(x, _)| *x).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        for size in sizes {
            let (x, label) = (axes.x(size), escaped(&plain(size)));
            let below = TOP + HEIGHT + 15.0;
            writeln!(
                out,
                "<text class=\"soft\" x=\"{x:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{label}</text>"
            )?;
        }
        let (middle, below) = (f64::midpoint(LEFT, WIDTH - RIGHT), TOP + HEIGHT + 30.0);
        let of = escaped(self.of);
        writeln!(
            out,
            "<text class=\"soft\" x=\"{middle:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{of}</text>"
        )?;
        for (place, curve) in self.curves.iter().enumerate() {
            write_curve(curve, &axes, out)?;
            let place = f64::from(u32::try_from(place).unwrap_or(0));
            write_legend(curve, below + 10.0 + LEGEND * place, out)?;
        }
        Ok(())
    }
}

impl Axes {
    fn x(&self, size: f64) -> f64 {
        let (low, high) = self.x;
        LEFT + 14.0 + (size.log10() - low) / (high - low).max(1e-9) * (WIDTH - LEFT - RIGHT - 28.0)
    }

    fn y(&self, figure: f64) -> f64 {
        let (low, high) = self.y;
        TOP + HEIGHT - (figure.log10() - low) / (high - low).max(1e-9) * HEIGHT
    }
}

/// The powers of ten, as whole numbers for figures and as they are for sizes, that values are between.
fn decades(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .map(f64::log10)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    if !low.is_finite() {
        return (0.0, 1.0);
    }
    let (low, high) = (low.floor(), high.ceil());
    (low, high.max(low + 1.0))
}

/// The whole powers of ten of an axis.
fn powers((low, high): (f64, f64)) -> impl Iterator<Item = i32> {
    (-12..=15).filter(move |power| (low..=high).contains(&f64::from(*power)))
}

fn plain(size: f64) -> String {
    super::units::whole(size)
}

fn write_curve(curve: &Curve, axes: &Axes, out: &mut String) -> std::fmt::Result {
    let class = class(curve.deployment);
    let places: Vec<(f64, f64)> = curve
        .points
        .iter()
        .map(|(size, figure)| (axes.x(*size), axes.y(*figure)))
        .collect();
    let line: Vec<String> = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    writeln!(
        out,
        "<polyline class=\"curve {class}\" points=\"{}\" />",
        line.join(" ")
    )?;
    places
        .iter()
        .try_for_each(|(x, y)| write_dot(curve.deployment, *x, *y, out))
}

fn write_dot(deployment: Deployment, x: f64, y: f64, out: &mut String) -> std::fmt::Result {
    let class = class(deployment);
    if is_square(deployment) {
        let (x, y) = (x - 3.5, y - 3.5);
        return writeln!(
            out,
            "<rect class=\"dot {class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"7\" height=\"7\" />"
        );
    }
    writeln!(
        out,
        "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" />"
    )
}

fn write_legend(curve: &Curve, y: f64, out: &mut String) -> std::fmt::Result {
    let (class, name) = (class(curve.deployment), escaped(&curve.deployment.name()));
    let from = LEFT + 8.0;
    writeln!(
        out,
        "<path class=\"curve {class}\" d=\"M{from:.1} {y:.1}h28\" />"
    )?;
    write_dot(curve.deployment, from + 14.0, y, out)?;
    writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
        from + 36.0,
        y + 4.0
    )
}
