//! `LineBudget`: how many log lines of one kind are written, so that no client can flood the log.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Lines in each period; the metrics count what is left out.
const LINES: u32 = 20;
const PERIOD: Duration = Duration::from_secs(1);

/// Log lines of one kind, so many in each second.
#[derive(Debug, Default)]
pub(super) struct LineBudget(Mutex<Written>);

#[derive(Debug, Default)]
struct Written {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl LineBudget {
    /// How many lines were left out before one that may be written now.
    pub(super) fn permit(&self) -> Option<u64> {
        let mut written = self.0.lock();
        let now = Instant::now();
        if written.since.is_none_or(|since| now - since >= PERIOD) {
            written.since = Some(now);
            written.lines = 0;
        }
        if written.lines == LINES {
            written.left_out += 1;
            return None;
        }
        written.lines += 1;
        Some(std::mem::take(&mut written.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_twenty_lines_a_second_is_counted() {
        let log = LineBudget::default();
        let written = (0..10_000).filter(|_| log.permit().is_some()).count();
        // Whoever is so slow that a second passes gets the next lines.
        assert!((20..=200).contains(&written), "{written}");
    }
}
