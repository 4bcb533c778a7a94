//! The leader records that a gateway writes next: of a new term, of a heartbeat, or of a release.

use crate::store::shared::election::candidate::Candidate;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::watch_cache::status::CacheStatus;

/// The distance by which indexes that went back are raised over the highest one seen.
const RAISE: u64 = 1_000_000;

/// The record of the term after the highest one; `new_identity` names a keyspace that has no name yet.
pub(super) fn of_next_term(
    status: &CacheStatus,
    candidate: &Candidate,
    holder: &str,
    new_identity: impl FnOnce() -> u64,
) -> LeaderRecord {
    let last = status.last_leader.as_deref();
    let offset = last.map_or(0, |last| last.offset);
    let is_raised = status.must_raise_indexes();
    let missing = status.highest_shown.saturating_sub(status.revision);
    let switch = last.and_then(|last| last.switch);
    // After a switch indexes grow faster than revisions: then the next one must be above all that were shown by itself.
    let shown = switch.map_or(0, |_| status.highest_shown.max(status.revision));
    // These three fields of the last record are indexes, which mean nothing with another offset.
    let indexes = last.filter(|_| !is_raised);
    let mut record = LeaderRecord {
        // Above every term that ever wrote: their writes still on the way are stale.
        term: status.highest_term.saturating_add(1),
        holder: holder.to_owned(),
        name: candidate.name.clone(),
        relay: candidate.relay.clone(),
        duration_ms: u64::try_from(candidate.duration.as_millis()).unwrap_or(u64::MAX),
        beat: 0,
        attempt: 0,
        released: false,
        identity: last.map_or_else(new_identity, |last| last.identity),
        offset: if is_raised {
            let outgrown = offset.max(status.outgrown_offset.unwrap_or_default()) + missing;
            outgrown.max(shown) + RAISE
        } else {
            offset
        },
        switch: switch.filter(|_| !is_raised),
        past: indexes.map(|last| last.past.clone()).unwrap_or_default(),
        fences: indexes.map(|last| last.fences.clone()).unwrap_or_default(),
        floor: if is_raised {
            0
        } else {
            let floor = indexes.map_or(0, |last| last.floor);
            floor.max(status.index_floor)
        },
    };
    if !is_raised {
        record_fence(status, &mut record);
    }
    record
}

/// The next heartbeat of the present record; `None` where there is no record.
pub(super) fn of_heartbeat(status: &CacheStatus, now_ms: i64) -> Option<LeaderRecord> {
    let mut record = LeaderRecord::clone(status.leader.as_deref()?);
    record_fence(status, &mut record);
    record.beat += 1;
    record.note_past(status.leader_revision?, now_ms);
    record.floor = record.floor.max(status.index_floor);
    Some(record)
}

/// The present record, released; `None` where this process does not hold it.
pub(super) fn of_release(status: &CacheStatus, holder: &str) -> Option<LeaderRecord> {
    let leader = status.leader.as_deref();
    let mut record = LeaderRecord::clone(leader.filter(|_| status.is_led_by(holder))?);
    record.released = true;
    record_fence(status, &mut record);
    // A record with heartbeat 0 would be read as the fence of its term, which this one is not.
    record.beat = record.beat.max(1);
    Some(record)
}

/// Records the fence of the last record's term, whoever wrote that, unless a heartbeat has: a gateway that lists everything
/// again recognises stale writes by it.
fn record_fence(status: &CacheStatus, record: &mut LeaderRecord) {
    if let Some(fence) = status.unrecorded_fence {
        record.note_fence(fence);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::store::shared::election::leader_record::{Fence, PastRevision};

    fn candidate() -> Candidate {
        Candidate {
            name: "name".to_owned(),
            relay: None,
            duration: Duration::from_secs(4),
        }
    }

    fn next_term(status: &CacheStatus) -> LeaderRecord {
        of_next_term(status, &candidate(), "this", || 77)
    }

    /// A store at revision 50, led by another gateway in term 3 since revision 40.
    fn led_by_another() -> CacheStatus {
        let mut status = CacheStatus::new();
        (status.loaded, status.revision, status.index_floor) = (true, 50, 20);
        let (revision, at_ms) = (30, 1);
        let record = LeaderRecord {
            term: 3,
            holder: "another".to_owned(),
            identity: 5,
            offset: 100,
            floor: 10,
            past: vec![PastRevision { revision, at_ms }],
            ..LeaderRecord::default()
        };
        status.set_leader(Some((record, 40)), Instant::now());
        status
    }

    #[test]
    fn first_term_names_the_keyspace() {
        let record = next_term(&CacheStatus::new());
        assert_eq!((record.term, record.identity, record.beat), (1, 77, 0));
        assert_eq!((record.offset, record.duration_ms), (0, 4_000));
    }

    #[test]
    fn next_term_is_above_every_term_that_wrote_and_keeps_indexes() {
        let mut status = led_by_another();
        status.highest_term = 9;
        let record = next_term(&status);
        assert_eq!((record.term, record.identity, record.offset), (10, 5, 100));
        assert_eq!(record.floor, 20, "the higher of both floors");
        assert_eq!(record.past.len(), 1);
        let (term, revision) = (3, 40);
        assert_eq!(record.fences, [Fence { term, revision }]);
    }

    #[test]
    fn raised_offset_is_above_all_that_clients_saw_and_drops_old_indexes() {
        let mut status = led_by_another();
        status.highest_shown = 60;
        let record = next_term(&status);
        assert_eq!(record.offset, 100 + 10 + RAISE);
        assert_eq!((record.floor, record.past.len()), (0, 0));
        assert!(record.fences.is_empty());
        status.outgrown_offset = Some(500);
        assert_eq!(next_term(&status).offset, 500 + 10 + RAISE);
    }

    #[test]
    fn raised_indexes_switch_anew_above_all_that_clients_saw() {
        let mut status = led_by_another();
        let mut record = LeaderRecord::clone(status.leader.as_deref().unwrap());
        record.switch = Some(35);
        status.set_leader(Some((record, 41)), Instant::now());
        assert_eq!(next_term(&status).switch, Some(35));
        assert_eq!(of_heartbeat(&status, 0).unwrap().switch, Some(35));
        // Each revision had many indexes.
        status.revision = 100_000_000;
        status.highest_shown = status.revision + 10;
        let record = next_term(&status);
        assert_eq!((record.switch, record.offset), (None, 100_000_010 + RAISE));
    }

    #[test]
    fn heartbeat_records_the_fence_the_past_and_the_floor() {
        let status = led_by_another();
        let record = of_heartbeat(&status, 100_000).unwrap();
        assert_eq!((record.term, record.beat, record.floor), (3, 1, 20));
        let (term, revision) = (3, 40);
        assert_eq!(record.fences, [Fence { term, revision }]);
        assert_eq!(record.past.last().unwrap().revision, 40);
        assert!(of_heartbeat(&CacheStatus::new(), 0).is_none());
    }

    #[test]
    fn released_record_is_no_fence() {
        let mut status = led_by_another();
        assert!(of_release(&status, "this").is_none());
        let own = LeaderRecord {
            holder: "this".to_owned(),
            term: 4,
            ..LeaderRecord::default()
        };
        status.set_leader(Some((own, 50)), Instant::now());
        let record = of_release(&status, "this").unwrap();
        assert!(record.released && record.beat == 1);
        let (term, revision) = (4, 50);
        assert_eq!(record.fences, [Fence { term, revision }]);
    }
}
