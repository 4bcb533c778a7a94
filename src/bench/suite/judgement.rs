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

/// Whether others used more of the processors than they may, in words.
pub(super) fn others(loads: impl Iterator<Item = f64>) -> Option<String> {
    let worst = loads.fold(0.0, f64::max);
    let percent = worst * 100.0;
    (worst > OTHERS).then(|| format!("others used {percent:.0} % of the processors"))
}

/// What disturbed some rounds; `None` if nothing did.
pub fn disturbance(rounds: &[RoundRecord], row: &str, figure: GroupFigure) -> Option<String> {
    if let Some(why) = others(rounds.iter().map(|round| round.other_load)) {
        return Some(why);
    }
    let figures = rounds.iter().filter_map(|round| {
        let row = round.result.operations.get(row)?;
        match figure {
            GroupFigure::Rate => Some(row.per_second),
            GroupFigure::P50 => Some(row.latency.p50_us),
            // The search for it has other rounds, and memory is measured once.
            GroupFigure::Hosts | GroupFigure::Memory => None,
        }
    });
    let width = Spread::of(figures)?.width();
    let bound = match figure {
        GroupFigure::Rate => RATES,
        GroupFigure::P50 | GroupFigure::Hosts | GroupFigure::Memory => LATENCIES,
    };
    (width > bound).then(|| format!("its rounds differ by {:.0} %", width * 100.0))
}
