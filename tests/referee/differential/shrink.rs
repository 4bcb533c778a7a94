//! Reduction of a difference to a short case by delta debugging: steps and parts are removed while the difference remains.

use std::time::Duration;

use super::case::Step;
use super::run::{Difference, PATIENCE, Protocol, Runner};

/// Number of runs that must show a difference before it counts as reproducible.
const CONFIRMATIONS: usize = 3;

/// Limit for the number of runs per difference.
const MAX_RUNS: usize = 2_000;

/// The patience while a known difference is reduced: a case that differs only for want of patience is no reduction of it.
const REDUCTION_PATIENCE: Duration = Duration::from_millis(400);

/// The difference, if every run shows one.
pub async fn confirm<P: Protocol>(runner: &mut Runner<P>, steps: &[Step]) -> Option<Difference> {
    let mut difference = None;
    for _ in 0..CONFIRMATIONS {
        difference = Some(runner.run(steps).await?);
    }
    difference
}

/// Removes steps, then parts of steps, as long as a difference remains.
pub async fn shrink<P: Protocol>(
    runner: &mut Runner<P>,
    mut steps: Vec<Step>,
    mut difference: Difference,
) -> (Vec<Step>, Difference) {
    let mut runs = 0;
    runner.pair.patience = REDUCTION_PATIENCE;
    steps.truncate(difference.steps);
    let mut chunk = steps.len().div_ceil(2);
    while chunk > 0 && runs < MAX_RUNS {
        let mut from = 0;
        let mut shorter = false;
        while from < steps.len() && runs < MAX_RUNS {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + chunk).min(steps.len()));
            runs += 1;
            match runner.run(&fewer).await {
                Some(found) => {
                    steps = fewer;
                    steps.truncate(found.steps);
                    difference = found;
                    shorter = true;
                }
                None => from += chunk,
            }
        }
        if !shorter || chunk > 1 {
            chunk /= 2;
        }
    }
    let mut at = 0;
    while at < steps.len() && runs < MAX_RUNS {
        let mut changed = false;
        for less in steps[at].reductions() {
            let mut simpler = steps.clone();
            simpler[at] = less;
            runs += 1;
            if let Some(found) = runner.run(&simpler).await
                && found.steps == difference.steps
            {
                steps = simpler;
                difference = found;
                changed = true;
                break;
            }
        }
        if !changed {
            at += 1;
        }
    }
    runner.pair.patience = PATIENCE;
    (steps, difference)
}
