//! The shortest sequence that shows a difference, by delta debugging: leave out whatever it still differs without.

use std::time::Duration;

use super::case::Step;
use super::run::{Difference, PATIENCE, Protocol, Runner};

/// How often a case is run again before it counts as the same every time.
const AGAIN: usize = 3;

/// How many runs one difference may cost.
const MOST: usize = 2_000;

/// The patience with what is known to differ; what differs for want of patience is no shorter way to it.
const SHORT: Duration = Duration::from_millis(400);

/// A difference that shows every time, or none.
pub async fn confirm<P: Protocol>(runner: &mut Runner<P>, steps: &[Step]) -> Option<Difference> {
    let mut difference = None;
    for _ in 0..AGAIN {
        difference = Some(runner.run(steps).await?);
    }
    difference
}

/// Leaves out steps, then parts of steps, as long as a difference stays.
pub async fn shrink<P: Protocol>(
    runner: &mut Runner<P>,
    mut steps: Vec<Step>,
    mut difference: Difference,
) -> (Vec<Step>, Difference) {
    let mut runs = 0;
    runner.pair.patience = SHORT;
    steps.truncate(difference.steps);
    let mut chunk = steps.len().div_ceil(2);
    while chunk > 0 && runs < MOST {
        let mut from = 0;
        let mut less = false;
        while from < steps.len() && runs < MOST {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + chunk).min(steps.len()));
            runs += 1;
            match runner.run(&fewer).await {
                Some(found) => {
                    steps = fewer;
                    steps.truncate(found.steps);
                    difference = found;
                    less = true;
                }
                None => from += chunk,
            }
        }
        if !less || chunk > 1 {
            chunk /= 2;
        }
    }
    let mut at = 0;
    while at < steps.len() && runs < MOST {
        let mut changed = false;
        for less in steps[at].lesser() {
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
