//! The decision whether a gateway may stand for leadership now, or how long it must wait.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::watch_cache::status::CacheStatus;

/// What a gateway that does not lead may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takeover {
    /// The store was not read yet: wait until it is.
    NotLoaded,
    /// The leader may still lead until then: wait, or for a change of the record.
    At(Instant),
    /// Send a record of the next term.
    Now,
}

impl Takeover {
    /// Decides for the process `holder`, whose own leadership would last `duration`.
    pub(super) fn decide(
        status: &CacheStatus,
        holder: &str,
        duration: Duration,
        now: Instant,
    ) -> Self {
        if !status.loaded {
            return Self::NotLoaded;
        }
        let wait = match status.leader.as_deref() {
            // Nobody can lead a store that was never written to.
            None if status.is_empty => Duration::ZERO,
            // The record was deleted: its holder may believe that it leads for as long as the record said.
            None => {
                let last = status.last_leader.as_deref();
                last.map_or(duration, LeaderRecord::duration)
            }
            Some(leader) if leader.released || leader.holder == holder => Duration::ZERO,
            Some(leader) => leader.duration(),
        };
        let at = status.leader_since + wait;
        if now < at { Self::At(at) } else { Self::Now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Duration = Duration::from_secs(2);
    const RECORDED: Duration = Duration::from_secs(10);

    /// A store with entries and with this leader record, delivered at `since`.
    fn status(leader: Option<LeaderRecord>, since: Instant) -> CacheStatus {
        let mut status = CacheStatus::new();
        (status.loaded, status.is_empty) = (true, false);
        status.leader_since = since;
        status.leader = leader.map(std::sync::Arc::new);
        status.last_leader = status.leader.clone();
        status
    }

    fn led_by(holder: &str, released: bool) -> LeaderRecord {
        LeaderRecord {
            holder: holder.to_owned(),
            released,
            duration_ms: 10_000,
            ..LeaderRecord::default()
        }
    }

    fn decide(status: &CacheStatus, now: Instant) -> Takeover {
        Takeover::decide(status, "this", OWN, now)
    }

    #[test]
    fn no_candidacy_before_the_store_is_read() {
        let now = Instant::now();
        assert_eq!(decide(&CacheStatus::new(), now), Takeover::NotLoaded);
    }

    #[test]
    fn candidate_waits_for_the_recorded_duration_not_its_own() {
        let since = Instant::now();
        let status = status(Some(led_by("another", false)), since);
        assert_eq!(decide(&status, since), Takeover::At(since + RECORDED));
        assert_eq!(decide(&status, since + RECORDED), Takeover::Now);
    }

    #[test]
    fn released_own_or_never_written_record_is_taken_at_once() {
        let since = Instant::now();
        for leader in [led_by("another", true), led_by("this", false)] {
            assert_eq!(decide(&status(Some(leader), since), since), Takeover::Now);
        }
        let mut empty = status(None, since);
        empty.is_empty = true;
        assert_eq!(decide(&empty, since), Takeover::Now);
    }

    #[test]
    fn deleted_record_is_waited_out() {
        let since = Instant::now();
        let mut deleted = status(Some(led_by("another", false)), since);
        deleted.leader = None;
        assert_eq!(decide(&deleted, since), Takeover::At(since + RECORDED));
        let unseen = status(None, since);
        assert_eq!(decide(&unseen, since), Takeover::At(since + OWN));
    }
}
