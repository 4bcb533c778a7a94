//! Lease expiry: the earliest and the latest time at which a key with a TTL or a session may expire.

use std::time::Duration;

use crate::gateway::handle::GatewayTimeline;

pub const SECOND: u64 = 1_000_000_000;
/// The longest time that a lease may outlive its expiry while no fault is injected.
const OVERDUE_AFTER: u64 = 30 * SECOND;
/// A gateway that was stopped for longer extends sessions by that time, because no client could renew them.
const MAX_UNCOUNTED_PAUSE: u64 = 2 * SECOND;

/// The expiries of keys or sessions in a round, and those that came early or not at all.
#[derive(Debug, Default)]
pub struct ExpiryReport {
    /// The number of expired leases.
    pub expired: usize,
    /// The number of acknowledged renewals.
    pub renewed: usize,
    pub violations: Vec<String>,
}

impl ExpiryReport {
    /// Records that an answer reported a lease as expired. It may expire from `until` on.
    pub fn record_expiry(&mut self, what: &str, now: u64, until: u64) {
        self.expired += 1;
        if now < until {
            let early = Duration::from_nanos(until - now);
            let at = Duration::from_nanos(now);
            self.violations.push(format!(
                "{what} expired {early:?} early, {at:?} into the run"
            ));
        }
    }

    /// Whether a lease that still exists should have expired long ago; if so, that is a violation.
    pub fn check_overdue(
        &mut self,
        what: &str,
        now: u64,
        until: u64,
        timeline: &GatewayTimeline,
    ) -> bool {
        let overdue = is_overdue(now, until, timeline);
        if overdue {
            self.violations.push(format!("{what} does not expire"));
        }
        overdue
    }
}

/// Whether a lease should have expired long ago. A fault after the end of a session's term, but before its expiry is
/// written, gives the session another term; several faults, several terms.
fn is_overdue(now: u64, until: u64, timeline: &GatewayTimeline) -> bool {
    let stopped = timeline.stopped.iter().map(|(_, to)| to);
    let cluster_faults = timeline.cluster_faults.iter();
    let began = timeline.began.iter().map(|(_, to)| to);
    let calm_since = began.chain(stopped).chain(cluster_faults).max();
    now > until.max(calm_since.copied().unwrap_or_default()) + OVERDUE_AFTER
}

/// The earliest time at which a session may expire, from the time of its last renewal and its term.
///
/// Its full term begins again when a gateway begins to serve, and the time in which a gateway was stopped does not
/// count.
pub fn earliest_expiry(renewed: u64, term: u64, now: u64, timeline: &GatewayTimeline) -> u64 {
    let mut until = renewed + term;
    let began = timeline.began.iter().map(|(from, to)| (*from, *to, true));
    let stopped = timeline
        .stopped
        .iter()
        .map(|(from, to)| (*from, *to, false));
    let mut events: Vec<_> = began.chain(stopped).collect();
    events.sort_unstable();
    for (from, to, begins) in events {
        if from < renewed || from > now {
            continue;
        }
        if begins {
            // If it could expire before that, the previous gateway may have ended it.
            if until > to {
                until = from + term;
            }
        } else if from < until && to - from > MAX_UNCOUNTED_PAUSE {
            until += to - from;
        }
    }
    until
}

#[test]
fn lease_is_overdue_only_after_time_without_faults() {
    let mut timeline = GatewayTimeline::default();
    assert!(!is_overdue(5 + OVERDUE_AFTER, 5, &timeline));
    assert!(is_overdue(6 + OVERDUE_AFTER, 5, &timeline));
    timeline.began = vec![(0, 0), (6, 7)];
    assert!(
        !is_overdue(7 + OVERDUE_AFTER, 5, &timeline),
        "the gateway was killed at 7"
    );
    timeline.stopped = vec![(8, 9)];
    assert!(
        !is_overdue(9 + OVERDUE_AFTER, 5, &timeline),
        "the gateway was stopped until 9"
    );
    assert!(is_overdue(10 + OVERDUE_AFTER, 5, &timeline));
}

#[test]
fn term_begins_again_with_a_process_and_excludes_long_stops() {
    let timeline = GatewayTimeline {
        began: vec![(0, 0), (15, 15)],
        stopped: vec![(21, 25 + MAX_UNCOUNTED_PAUSE)],
        ..GatewayTimeline::default()
    };
    assert_eq!(earliest_expiry(5, 9, 100, &timeline), 14);
    assert_eq!(
        earliest_expiry(5, 11, 100, &timeline),
        26 + 4 + MAX_UNCOUNTED_PAUSE
    );
    assert_eq!(earliest_expiry(5, 11, 14, &timeline), 16);
    assert_eq!(earliest_expiry(16, 4, 100, &timeline), 20);
}

#[test]
fn term_begins_again_at_the_earliest_start_of_the_next_leader() {
    let timeline = GatewayTimeline {
        began: vec![(0, 0), (15, 19)],
        ..GatewayTimeline::default()
    };
    assert_eq!(earliest_expiry(5, 15, 100, &timeline), 15 + 15);
    assert_eq!(
        earliest_expiry(5, 14, 100, &timeline),
        19,
        "it may expire before"
    );
    assert_eq!(earliest_expiry(5, 10, 100, &timeline), 15);
    // Renewed meanwhile, by either gateway.
    assert_eq!(earliest_expiry(16, 10, 100, &timeline), 26);
}
