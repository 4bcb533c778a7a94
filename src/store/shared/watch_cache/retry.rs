//! Retries of a log that cannot be read: the pause after each error, and which errors an operator must see.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::shared::log::LogError;

/// The first pause.
const SHORTEST: Duration = Duration::from_millis(50);

/// The longest pause, unless the log asks for a longer one.
const LONGEST: Duration = Duration::from_secs(5);

/// The longest pause that a log may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(30);

/// A log that is overloaded for longer than this is a problem to report.
const BUSY: Duration = Duration::from_secs(10);

/// The pauses so far.
#[derive(Debug)]
pub(super) struct Retry {
    pause: Duration,
    /// Since when the log has asked the gateway to return later.
    busy_since: Option<Instant>,
}

/// A pause after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    /// Its length.
    pub(super) length: Duration,
    /// The log asked for it, so that nothing may cut it short.
    pub(super) is_asked: bool,
    /// The error keeps this gateway from reading the store, and an operator must see it.
    pub(super) is_problem: bool,
}

impl Retry {
    pub(super) fn new() -> Self {
        Self {
            pause: SHORTEST,
            busy_since: None,
        }
    }

    /// A watch is open.
    pub(super) fn watch_opened(&mut self) {
        self.busy_since = None;
    }

    /// Events arrived.
    pub(super) fn events_arrived(&mut self) {
        self.pause = SHORTEST;
    }

    /// The pause after an error; each one is twice as long as the one before.
    pub(super) fn after(&mut self, error: &LogError, now: Instant) -> Pause {
        let (asked, is_problem) = match error {
            LogError::Ended | LogError::Gone => (Duration::ZERO, false),
            LogError::Unavailable(_) | LogError::Misconfigured(_) => (Duration::ZERO, true),
            LogError::Busy(_, after) => {
                let since = *self.busy_since.get_or_insert(now);
                ((*after).min(LONGEST_ASKED), now - since > BUSY)
            }
        };
        let length = asked.max(self.pause);
        self.pause = (self.pause * 2).min(LONGEST);
        Pause {
            length,
            is_asked: !asked.is_zero(),
            is_problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_start_over_with_events() {
        let mut retry = Retry::new();
        let now = Instant::now();
        let mut lengths = Vec::new();
        for _ in 0..9 {
            lengths.push(retry.after(&LogError::Ended, now).length.as_millis());
        }
        assert_eq!(lengths, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        retry.watch_opened();
        assert_eq!(retry.after(&LogError::Ended, now).length, LONGEST);
        retry.events_arrived();
        assert_eq!(retry.after(&LogError::Ended, now).length, SHORTEST);
    }

    #[test]
    fn pause_that_a_log_asks_for_is_kept_within_bounds() {
        let mut retry = Retry::new();
        let now = Instant::now();
        let mut busy = |seconds| {
            let asked = Duration::from_secs(seconds);
            retry.after(&LogError::Busy(String::new(), asked), now)
        };
        let short = busy(1);
        assert_eq!((short.length.as_secs(), short.is_asked), (1, true));
        assert_eq!(busy(3_600).length, LONGEST_ASKED);
        assert!(!busy(0).is_asked);
    }

    #[test]
    fn busy_log_is_a_problem_only_after_a_while() {
        let mut retry = Retry::new();
        let begun = Instant::now();
        let busy = LogError::Busy(String::new(), Duration::from_secs(1));
        assert!(!retry.after(&busy, begun).is_problem);
        assert!(!retry.after(&busy, begun + BUSY).is_problem);
        let late = begun + BUSY + Duration::from_secs(1);
        assert!(retry.after(&busy, late).is_problem);
        retry.watch_opened();
        assert!(!retry.after(&busy, late).is_problem);
    }

    #[test]
    fn error_that_needs_an_operator_is_a_problem_at_once() {
        let mut retry = Retry::new();
        let now = Instant::now();
        let broken = LogError::Misconfigured(String::new());
        assert!(retry.after(&broken, now).is_problem);
        let unavailable = LogError::Unavailable(String::new());
        assert!(retry.after(&unavailable, now).is_problem);
        assert!(!retry.after(&LogError::Gone, now).is_problem);
    }
}
