//! One line of progress.

use std::time::Duration;

use crate::bench::docker::RecentSteps;
use crate::bench::run::Progress;

/// A second of a run as a line.
pub fn progress_line(progress: &Progress) -> String {
    let latency = &progress.latency;
    let failed = match progress.failed {
        0 => String::new(),
        failed => format!("  {failed} failed"),
    };
    let waiting = match progress.waiting {
        0 => String::new(),
        waiting => format!("  {waiting} due and not sent"),
    };
    let warm_up = if progress.is_warm_up {
        "  (warm-up)"
    } else {
        ""
    };
    format!(
        "{:>5.0} s  {:>9.0}/s  p50 {}  p99 {}{failed}{waiting}{warm_up}",
        progress.elapsed.as_secs_f64(),
        super::operation::ratio(latency.count(), progress.since.as_secs_f64()),
        super::text::duration(latency.quantile_us(0.5)),
        super::text::duration(latency.quantile_us(0.99)),
    )
}

/// A second of a fleet as a line.
pub fn fleet_progress_line(elapsed: Duration, recent: &RecentSteps) -> String {
    let requests = &recent.requests;
    let failed = match recent.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    format!(
        "{:>5.0} s  {:>4} steps{failed}  {:>7} requests  p50 {}  p99 {}",
        elapsed.as_secs_f64(),
        recent.steps,
        requests.count(),
        super::text::duration(requests.quantile_us(0.5)),
        super::text::duration(requests.quantile_us(0.99)),
    )
}
