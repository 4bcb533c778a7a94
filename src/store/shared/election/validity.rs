//! The validity of leadership: until when this gateway leads, by the boot clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The deadlines of leadership. Each `now` is a reading of the boot clock.
#[derive(Debug, Default)]
pub(super) struct Validity {
    /// Until when a heartbeat makes leadership valid, in nanoseconds; 0 before the first one and after the end.
    until: AtomicU64,
    /// Until when reads may be confirmed one by one, in nanoseconds: the record was refused, as any gateway's would be, and
    /// nobody else led then.
    confirmable_until: AtomicU64,
}

impl Validity {
    /// Whether leadership is valid by a heartbeat.
    pub(super) fn is_valid(&self, now: Duration) -> bool {
        nanos(now) < self.until.load(Ordering::Acquire)
    }

    /// Whether reads may be confirmed one by one.
    pub(super) fn is_confirmable(&self, now: Duration) -> bool {
        nanos(now) < self.confirmable_until.load(Ordering::Acquire)
    }

    /// Whether leadership was never granted, or has ended for good.
    pub(super) fn is_ended(&self) -> bool {
        self.until.load(Ordering::Acquire) == 0
    }

    /// Extends leadership; never shortens it.
    pub(super) fn extend(&self, until: Duration) {
        self.until.fetch_max(nanos(until), Ordering::AcqRel);
    }

    /// Lets reads be confirmed one by one, at least until then.
    pub(super) fn extend_confirmable(&self, until: Duration) {
        self.confirmable_until
            .fetch_max(nanos(until), Ordering::AcqRel);
    }

    /// Lets no read be confirmed any more.
    pub(super) fn end_confirmable(&self) {
        self.confirmable_until.store(0, Ordering::Release);
    }

    /// Ends leadership for good.
    pub(super) fn end(&self) {
        self.until.store(0, Ordering::Release);
        self.end_confirmable();
    }

    /// The time left until both deadlines are over.
    pub(super) fn left(&self, now: Duration) -> Duration {
        let until = self.until.load(Ordering::Acquire);
        let until = until.max(self.confirmable_until.load(Ordering::Acquire));
        Duration::from_nanos(until).saturating_sub(now)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn leadership_is_valid_before_its_deadline_only() {
        let validity = Validity::default();
        assert!(validity.is_ended() && !validity.is_valid(at(0)));
        validity.extend(at(10));
        assert!(validity.is_valid(at(9)) && !validity.is_valid(at(10)));
        assert!(!validity.is_ended(), "a late heartbeat may still extend it");
    }

    #[test]
    fn earlier_heartbeat_delivered_late_shortens_nothing() {
        let validity = Validity::default();
        validity.extend(at(10));
        validity.extend(at(5));
        assert!(validity.is_valid(at(9)));
        assert_eq!(validity.left(at(4)), at(6));
    }

    #[test]
    fn refused_record_leaves_confirmation_but_no_validity() {
        let validity = Validity::default();
        validity.extend(at(10));
        validity.extend_confirmable(at(20));
        assert!(!validity.is_valid(at(15)) && validity.is_confirmable(at(15)));
        assert_eq!(validity.left(at(15)), at(5));
        validity.end_confirmable();
        assert!(!validity.is_confirmable(at(15)));
        assert_eq!(validity.left(at(15)), Duration::ZERO);
    }

    #[test]
    fn ended_leadership_allows_nothing() {
        let validity = Validity::default();
        validity.extend(at(10));
        validity.extend_confirmable(at(10));
        validity.end();
        assert!(validity.is_ended());
        assert!(!validity.is_valid(at(1)) && !validity.is_confirmable(at(1)));
    }
}
