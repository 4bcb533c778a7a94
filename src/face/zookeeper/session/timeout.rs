//! `SessionTimeout`: how long a session lives without a request, as client and server agree on it.

use std::time::Duration;

/// ZooKeeper's `tickTime`. Sessions end at ticks.
const TICK: Duration = Duration::from_secs(2);

/// How long a session lives without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::face::zookeeper) struct SessionTimeout(Duration);

impl SessionTimeout {
    /// The longest that is agreed on: no client waits longer for an answer.
    pub(in crate::face::zookeeper) const LONGEST: Duration = TICK.saturating_mul(20);

    /// How much later than its last request a session may be renewed: a part of what rounding up to ticks adds.
    pub(in crate::face::zookeeper) const RENEWAL_DELAY: Duration = Duration::from_millis(500);

    /// What is agreed on when a client asks for so many milliseconds: 2 to 20 ticks.
    pub(super) fn negotiate(asked_ms: i32) -> Self {
        let asked = u64::try_from(asked_ms).unwrap_or(0);
        Self(Duration::from_millis(asked).clamp(TICK * 2, Self::LONGEST))
    }

    /// In milliseconds, as the client gets it.
    pub(in crate::face::zookeeper) fn as_ms(self) -> i32 {
        i32::try_from(self.0.as_millis()).unwrap_or(i32::MAX)
    }

    /// The term of its lease, in milliseconds: rounded up by a tick, so that no session ends early.
    pub(super) fn term_ms(self) -> u64 {
        let term = self.0.saturating_add(TICK);
        u64::try_from(term.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_between_2_and_20_ticks() {
        let agreed = |asked| SessionTimeout::negotiate(asked).as_ms();
        assert_eq!([i32::MIN, -1, 0, 3_999].map(agreed), [4_000; 4]);
        assert_eq!([4_000, 10_000, 40_000].map(agreed), [4_000, 10_000, 40_000]);
        assert_eq!([40_001, i32::MAX].map(agreed), [40_000; 2]);
    }

    #[test]
    fn a_lease_outlives_the_timeout_by_more_than_renewals_are_late() {
        let timeout = SessionTimeout::negotiate(0);
        let slack = Duration::from_millis(timeout.term_ms()).saturating_sub(timeout.0);
        assert!(slack > SessionTimeout::RENEWAL_DELAY && slack <= TICK);
    }
}
