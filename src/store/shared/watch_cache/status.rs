//! The status of the watch cache: the leader record, the revision and the members, as of the last event delivered.

use std::sync::Arc;

use tokio::time::Instant;

use crate::store::shared::election::leader_record::{Fence, LeaderRecord};
use crate::store::shared::members::member::MembersByHolder;

/// The state that the election, the members and the store of a term follow.
#[derive(Clone, Debug)]
pub(in crate::store::shared) struct CacheStatus {
    /// The leader record; `None` where there is none.
    pub(in crate::store::shared) leader: Option<Arc<LeaderRecord>>,
    /// The revision it was written at.
    pub(in crate::store::shared) leader_revision: Option<u64>,
    /// The last leader record there was: where the record was deleted, terms and indexes go on from it.
    pub(in crate::store::shared) last_leader: Option<Arc<LeaderRecord>>,
    /// The fence of that record's term, while no heartbeat has recorded it: the next leader must.
    pub(in crate::store::shared) unrecorded_fence: Option<Fence>,
    /// The highest term that ever wrote, as far as this gateway knows.
    pub(in crate::store::shared) highest_term: u64,
    /// When the record was delivered, by the monotonic clock: a gateway that would take leadership waits from here.
    pub(in crate::store::shared) leader_since: Instant,
    /// Every change up to this revision is in the cache.
    pub(in crate::store::shared) revision: u64,
    /// The log was listed at least once.
    pub(in crate::store::shared) loaded: bool,
    /// The log has no entries.
    pub(in crate::store::shared) is_empty: bool,
    /// Counts how often the cache was reset: a leader of before a reset leads no more.
    pub(in crate::store::shared) epoch: u64,
    /// The highest revision that a client of any gateway may have seen.
    pub(in crate::store::shared) highest_shown: u64,
    /// The offset of indexes of a log that was replaced. No index of the new log, however far that is, may be shown with
    /// this offset: clients would take it for an index that they have seen.
    pub(in crate::store::shared) outgrown_offset: Option<u64>,
    /// The gateways of this store.
    pub(in crate::store::shared) members: MembersByHolder,
    /// Up to this index this gateway does not know every deletion, or not its revision.
    pub(in crate::store::shared) index_floor: u64,
    /// Some commits wait to be delivered to the keyspace.
    pub(in crate::store::shared) is_behind: bool,
}

impl CacheStatus {
    /// The status before the first list.
    pub(in crate::store::shared) fn new() -> Self {
        Self {
            leader: None,
            leader_revision: None,
            last_leader: None,
            unrecorded_fence: None,
            highest_term: 0,
            leader_since: Instant::now(),
            revision: 0,
            loaded: false,
            is_empty: true,
            epoch: 0,
            highest_shown: 0,
            outgrown_offset: None,
            members: MembersByHolder::default(),
            index_floor: 0,
            is_behind: false,
        }
    }

    /// Whether the leader record has this gateway's index floor, so that the next leader shows no lower index for a deleted key.
    pub(in crate::store::shared) fn is_floor_recorded(&self) -> bool {
        self.last_leader
            .as_deref()
            .is_some_and(|last| self.index_floor <= last.floor)
    }

    /// Whether this process holds the leader record.
    pub(in crate::store::shared) fn is_led_by(&self, holder: &str) -> bool {
        self.leader
            .as_deref()
            .is_some_and(|leader| leader.holder == holder && !leader.released)
    }

    /// The present leader's term; 0 where there is none.
    pub(in crate::store::shared) fn leader_term(&self) -> u64 {
        self.leader.as_deref().map_or(0, |leader| leader.term)
    }

    /// Whether indexes must be raised before anything is served: clients have seen higher ones, or the same ones of
    /// another log.
    pub(in crate::store::shared) fn must_raise_indexes(&self) -> bool {
        let offset = self.last_leader.as_deref().map_or(0, |last| last.offset);
        self.highest_shown > self.revision
            || self
                .outgrown_offset
                .is_some_and(|outgrown| offset <= outgrown)
    }

    /// Takes in the leader record of a list or an event; says whether it changed.
    pub(in crate::store::shared) fn set_leader(
        &mut self,
        leader: Option<(LeaderRecord, u64)>,
        now: Instant,
    ) -> bool {
        let revision = leader.as_ref().map(|(_, revision)| *revision);
        if revision == self.leader_revision {
            return false;
        }
        self.leader_revision = revision;
        self.leader_since = now;
        self.leader = None;
        if let Some((record, revision)) = leader {
            let term = record.term;
            self.highest_term = self.highest_term.max(term);
            self.unrecorded_fence = (record.beat == 0).then_some(Fence { term, revision });
            let record = Arc::new(record);
            self.last_leader = Some(Arc::clone(&record));
            self.leader = Some(record);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(term: u64, beat: u64) -> LeaderRecord {
        LeaderRecord {
            term,
            beat,
            holder: "this".to_owned(),
            ..LeaderRecord::default()
        }
    }

    #[test]
    fn deleted_leader_record_is_remembered() {
        let mut status = CacheStatus::new();
        assert!(status.set_leader(Some((record(4, 1), 10)), Instant::now()));
        assert!(status.is_led_by("this") && !status.is_led_by("another"));
        assert!(status.set_leader(None, Instant::now()));
        assert!(!status.is_led_by("this"));
        assert_eq!((status.leader_term(), status.highest_term), (0, 4));
        assert_eq!(status.last_leader.unwrap().term, 4);
    }

    #[test]
    fn record_of_the_same_revision_restarts_no_wait() {
        let mut status = CacheStatus::new();
        status.set_leader(Some((record(4, 1), 10)), Instant::now());
        let since = status.leader_since;
        assert!(!status.set_leader(Some((record(4, 1), 10)), Instant::now()));
        assert_eq!(status.leader_since, since);
    }

    #[test]
    fn fence_stays_unrecorded_until_a_heartbeat_even_if_the_record_is_deleted() {
        let mut status = CacheStatus::new();
        status.set_leader(Some((record(4, 0), 10)), Instant::now());
        let (term, revision) = (4, 10);
        assert_eq!(status.unrecorded_fence, Some(Fence { term, revision }));
        status.set_leader(None, Instant::now());
        assert_eq!(status.unrecorded_fence, Some(Fence { term, revision }));
        status.set_leader(Some((record(4, 1), 12)), Instant::now());
        assert_eq!(status.unrecorded_fence, None);
    }

    #[test]
    fn released_record_has_no_leader() {
        let mut status = CacheStatus::new();
        let released = LeaderRecord {
            released: true,
            ..record(4, 1)
        };
        status.set_leader(Some((released, 10)), Instant::now());
        assert!(!status.is_led_by("this"));
    }

    #[test]
    fn indexes_are_raised_over_what_clients_saw_and_over_a_replaced_log() {
        let mut status = CacheStatus::new();
        status.revision = 10;
        assert!(!status.must_raise_indexes());
        status.highest_shown = 11;
        assert!(status.must_raise_indexes());
        status.highest_shown = 10;
        status.outgrown_offset = Some(0);
        assert!(status.must_raise_indexes(), "the same offset");
        let raised = LeaderRecord {
            offset: 1,
            ..record(1, 0)
        };
        status.set_leader(Some((raised, 11)), Instant::now());
        assert!(!status.must_raise_indexes());
    }
}
