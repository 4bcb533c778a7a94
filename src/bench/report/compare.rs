//! A comparison of two servers over interleaved rounds: the median of the rounds' ratios, with the worst and the best.

use super::RunResult;

/// A goal for a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

/// The figures of one metric in both servers.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The median of ours.
    pub ours: f64,
    /// The median of theirs.
    pub theirs: f64,
    /// The median of the ratios, round by round.
    pub ratio: f64,
    /// The lowest ratio of a round.
    pub lowest: f64,
    /// The highest ratio of a round.
    pub highest: f64,
    /// Whether the median misses the goal.
    pub is_missed: bool,
}

/// Compares a metric of two servers, the first round of one with the first of the other. `None` without a round, or where a
/// figure is missing or zero.
pub fn compare(
    ours: &[RunResult],
    theirs: &[RunResult],
    metric: impl Fn(&RunResult) -> Option<f64>,
    goal: Option<Goal>,
) -> Option<Comparison> {
    let of = |results: &[RunResult]| -> Option<Vec<f64>> { results.iter().map(&metric).collect() };
    let (ours, theirs) = (of(ours)?, of(theirs)?);
    let is_usable = ours.len() == theirs.len() && theirs.iter().all(|figure| *figure > 0.0);
    if ours.is_empty() || !is_usable {
        return None;
    }
    let mut ratios: Vec<f64> = ours
        .iter()
        .zip(&theirs)
        .map(|(ours, theirs)| ours / theirs)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let ratio = median(ratios.clone())?;
    Some(Comparison {
        ours: median(ours)?,
        theirs: median(theirs)?,
        ratio,
        lowest: *ratios.first()?,
        highest: *ratios.last()?,
        is_missed: match goal {
            None => false,
            Some(Goal::AtLeast(goal)) => ratio < goal,
            Some(Goal::AtMost(goal)) => ratio > goal,
        },
    })
}

fn median(mut of: Vec<f64>) -> Option<f64> {
    of.sort_by(f64::total_cmp);
    let middle = of.len() / 2;
    let upper = *of.get(middle)?;
    if of.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(upper, *of.get(middle.checked_sub(1)?)?))
}
