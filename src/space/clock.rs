//! Serving clock: the time spent serving, by which leases end.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A pause longer than this is not counted: the gateway was stopped, suspended or starved, and heard no renewals.
const MAX_GAP: Duration = Duration::from_secs(2);
/// After such a pause the clock stands still this long, so that renewals waiting in sockets are read first.
const GRACE: Duration = Duration::from_secs(1);

/// A clock that runs while the gateway serves. It follows the monotonic clock, so no change of the wall clock moves
/// it, and it leaves out pauses. It only works when it is read often: the expiry task does.
#[derive(Debug)]
pub(crate) struct ServingClock {
    reading: Mutex<Reading>,
}

#[derive(Debug)]
struct Reading {
    served: Duration,
    last: Instant,
    stands_until: Instant,
}

impl ServingClock {
    /// Starts at zero, now.
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        let reading = Reading {
            served: Duration::ZERO,
            last: now,
            stands_until: now,
        };
        Self {
            reading: Mutex::new(reading),
        }
    }

    /// The time spent serving.
    pub(crate) fn now(&self) -> Duration {
        let mut reading = self.reading.lock();
        let now = Instant::now();
        if now.saturating_duration_since(reading.last) > MAX_GAP {
            reading.stands_until = now + GRACE;
        } else {
            let from = reading.last.max(reading.stands_until);
            reading.served += now.saturating_duration_since(from);
        }
        reading.last = now;
        reading.served
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn tick(clock: &ServingClock, times: u32) {
        for _ in 0..times {
            tokio::time::advance(Duration::from_millis(500)).await;
            clock.now();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_not_counted_and_is_followed_by_a_grace_period() {
        let clock = ServingClock::start();
        tick(&clock, 10).await;
        assert_eq!(clock.now(), Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), Duration::from_secs(5));
        tick(&clock, 2).await;
        assert_eq!(clock.now(), Duration::from_secs(5), "still in the grace");
        tick(&clock, 2).await;
        assert_eq!(clock.now(), Duration::from_secs(6));
    }
}
