//! Bars: a figure of several deployments, with the lowest and the highest of its rounds.

use std::fmt::Write;

use super::html::escaped;
use super::plot_style::class;
use crate::bench::field::Deployment;
use crate::bench::suite::Spread;

/// The width of a plot, in units of its own; about a phone's.
const WIDTH: f64 = 400.0;

/// The height of a bar with its label.
const ROW: f64 = 31.0;

/// The space right of the longest bar, for its figure.
const FIGURE: f64 = 78.0;

/// A bar.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) deployment: Deployment,
    pub(super) figure: Spread,
}

/// Bars one below the other, each with its name above it.
pub(super) fn bars(title: &str, bars: &[Bar], text: impl Fn(f64) -> String) -> String {
    let height = ROW * f64::from(u32::try_from(bars.len()).unwrap_or(0)) + 4.0;
    let most = bars.iter().map(|bar| bar.figure.highest);
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - FIGURE) / most;
    let title = escaped(title);
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n"
    );
    let mut top = 0.0;
    for bar in bars {
        // Writing to a string does not fail.
        let _written = write_bar(bar, top, scale, &text, &mut out);
        top += ROW;
    }
    out.push_str("</svg>\n");
    out
}

fn write_bar(
    bar: &Bar,
    top: f64,
    scale: f64,
    text: &impl Fn(f64) -> String,
    out: &mut String,
) -> std::fmt::Result {
    let Spread {
        median,
        lowest,
        highest,
    } = bar.figure;
    let (name, figure) = (escaped(&bar.deployment.name()), escaped(&text(median)));
    let class = class(bar.deployment);
    let width = (median * scale).max(1.0);
    let (label, bar_top, middle) = (top + 11.0, top + 15.0, top + 20.5);
    let (from, to) = (lowest * scale, highest * scale);
    writeln!(
        out,
        "<text class=\"soft\" x=\"0\" y=\"{label:.1}\">{name}</text>"
    )?;
    writeln!(
        out,
        "<rect class=\"bar {class}\" x=\"1\" y=\"{bar_top:.1}\" width=\"{width:.1}\" height=\"11\" />"
    )?;
    if to - from > 2.0 {
        writeln!(
            out,
            "<path class=\"whisker\" d=\"M{from:.1} {middle:.1}H{to:.1}M{from:.1} {:.1}v6M{to:.1} {:.1}v6\" />",
            middle - 3.0,
            middle - 3.0
        )?;
    }
    let at = width.max(to) + 6.0;
    writeln!(
        out,
        "<text x=\"{at:.1}\" y=\"{:.1}\">{figure}</text>",
        middle + 4.0
    )
}
