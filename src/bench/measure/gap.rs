//! The longest time without a success: how long an outage lasted for clients.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The longest gap between two successes of all clients together.
#[derive(Debug)]
pub struct GapMeter {
    start: Instant,
    /// When the last success was, in nanoseconds since the start.
    last_ns: AtomicU64,
    longest_ns: AtomicU64,
}

impl GapMeter {
    /// A meter whose first gap begins at `start`.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            last_ns: AtomicU64::new(0),
            longest_ns: AtomicU64::new(0),
        }
    }

    /// Notes a success.
    pub fn success(&self, at: Instant) {
        let now = at.saturating_duration_since(self.start).as_nanos();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        // Clients of several threads may note theirs out of order: a gap never counts as negative.
        let last = self.last_ns.fetch_max(now, Ordering::Relaxed);
        self.longest_ns
            .fetch_max(now.saturating_sub(last), Ordering::Relaxed);
    }

    /// The longest gap; one that lasts until `end` counts, too.
    pub fn longest(&self, end: Instant) -> Duration {
        self.success(end);
        Duration::from_nanos(self.longest_ns.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_gap_may_be_the_last_one() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let meter = GapMeter::new(start);
        for at in [1, 2, 6, 5, 7] {
            meter.success(start + second * at);
        }
        assert_eq!(meter.longest(start + second * 8), second * 4);
        assert_eq!(meter.longest(start + second * 20), second * 12);
    }
}
