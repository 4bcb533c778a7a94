//! The judgement whether rounds were disturbed, by other load on the machine or as their spread shows.

use super::plan::GroupFigure;
use super::record::RoundRecord;
use super::spread::Spread;

/// The share of the machine's processors that others may use.
const OTHERS: f64 = 0.15;

/// The difference between the highest and the lowest rate, as a share of the median.
const RATES: f64 = 0.5;

/// The same for median latencies, which differ more: an idle processor takes its time to wake.
const LATENCIES: f64 = 1.0;

/// What disturbed some rounds; `None` if nothing did.
pub fn disturbance(rounds: &[RoundRecord], row: &str, figure: GroupFigure) -> Option<String> {
    let worst = rounds.iter().map(|round| round.other_load);
    let worst = worst.fold(0.0, f64::max);
    if worst > OTHERS {
        let percent = worst * 100.0;
        return Some(format!("others used {percent:.0} % of the processors"));
    }
    let figures = rounds.iter().filter_map(|round| {
        let row = round.result.operations.get(row)?;
        Some(match figure {
            GroupFigure::Rate => row.per_second,
            GroupFigure::P50 => row.latency.p50_us,
        })
    });
    let width = Spread::of(figures)?.width();
    let bound = match figure {
        GroupFigure::Rate => RATES,
        GroupFigure::P50 => LATENCIES,
    };
    (width > bound).then(|| format!("its rounds differ by {:.0} %", width * 100.0))
}
