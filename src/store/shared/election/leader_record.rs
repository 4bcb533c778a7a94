//! The leader record: the record among the data that says which gateway leads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Key;
use crate::store::shared::write_ids;

/// Fences kept.
const FENCES: usize = 32;

/// Past revisions kept, [`STEP_MS`] apart. A gateway that starts reads the changes of that time; a Kubernetes API server keeps
/// them for 75 s.
const STEPS: usize = 7;

/// The time between two past revisions, in milliseconds.
const STEP_MS: i64 = 10_000;

/// The highest term that is believed. Where the record was deleted, terms go on from those of write ids, which are believed
/// up to half of this.
const HIGHEST_TERM: u64 = 2 * write_ids::HIGHEST_TERM;

/// The highest revision or index that is believed: indexes are sums of two.
const HIGHEST_INDEX: u64 = 1 << 62;

/// The longest duration that is believed, in milliseconds: twelve times the longest that can be configured. Candidates wait
/// as long as the record says.
const LONGEST_MS: u64 = 3_600_000;

/// The record of the leader. A gateway takes leadership by writing the record of the next term, which is that term's fence, on
/// the precondition that the record did not change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaderRecord {
    /// The term; a gateway may lead several.
    pub term: u64,
    /// The id of the leader's process, never used twice.
    pub holder: String,
    /// The leader's name, for people.
    pub name: String,
    /// The leader's relay port, if it accepts relayed connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<Relay>,
    /// How long leadership lasts without a heartbeat, in milliseconds.
    pub duration_ms: u64,
    /// The number of the heartbeat in this term; 0 is the fence.
    pub beat: u64,
    /// The number of the record among those that its holder sent, by which the holder recognises it.
    #[serde(default)]
    pub attempt: u64,
    /// The leader released leadership: others need not wait.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
    /// The random name of the keyspace, made once.
    pub identity: u64,
    /// An index is the store's revision plus this offset.
    #[serde(default)]
    pub offset: u64,
    /// On etcd, the last revision of which that is true: each later one has several indexes. That store writes it itself.
    #[serde(skip)]
    pub switch: Option<u64>,
    /// The record's revisions of the last minute, oldest first: a gateway that starts lists as of one of them, and watches
    /// from there.
    #[serde(default)]
    pub past: Vec<PastRevision>,
    /// The fences of the last terms, oldest first; the present term's is added with its first heartbeat.
    #[serde(default)]
    pub fences: Vec<Fence>,
    /// The highest index below which some leader so far did not know every deletion. That leader showed clients no lower index
    /// for a deleted key. The next leader may know more: without this floor, it would show a lower one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub floor: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(floor: &u64) -> bool {
    *floor == 0
}

/// The port where a leader accepts relayed connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// HOST:PORT.
    pub address: String,
    /// The SHA-256 of the leader's certificate, in hexadecimal digits.
    pub certificate: String,
}

/// A revision of the record, and when that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastRevision {
    /// The revision.
    pub revision: u64,
    /// The wall clock then, in milliseconds since 1970. Only how far back a starting gateway reads depends on it.
    pub at_ms: i64,
}

/// The fence of a term: its first write of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The term.
    pub term: u64,
    /// The store's revision of that write.
    pub revision: u64,
}

impl LeaderRecord {
    /// The record's key.
    pub fn key() -> Key {
        Key::system("lead")
    }

    /// Reads a stored record; `None` if it is none, or has numbers that no gateway wrote: with them no other gateway could
    /// lead after this one, or indexes would overflow.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        let fences = record.fences.iter().map(|fence| fence.revision);
        let past = record.past.iter().map(|past| past.revision);
        let mut indexes = fences.chain(past).chain([record.offset, record.floor]);
        let is_believed = record.term <= HIGHEST_TERM
            && record.duration_ms <= LONGEST_MS
            && indexes.all(|index| index <= HIGHEST_INDEX);
        is_believed.then_some(record)
    }

    /// How long leadership lasts without a heartbeat.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }

    /// Adds a past revision, if the last one is old enough; to be called at each heartbeat.
    pub fn note_past(&mut self, revision: u64, at_ms: i64) {
        let last = self.past.last().map_or(i64::MIN, |last| last.at_ms);
        // After the clock was set back, the next revision is added at once.
        if at_ms.saturating_sub(last) < STEP_MS && at_ms >= last {
            return;
        }
        self.past.push(PastRevision { revision, at_ms });
        let excess = self.past.len().saturating_sub(STEPS);
        self.past.drain(..excess);
    }

    /// Adds a fence, unless the term's is there.
    pub fn note_fence(&mut self, fence: Fence) {
        if self.fences.iter().any(|kept| kept.term == fence.term) {
            return;
        }
        self.fences.push(fence);
        let excess = self.fences.len().saturating_sub(FENCES);
        self.fences.drain(..excess);
    }

    /// The revision of the first fence after this term, among those kept; `written` is the record's own revision.
    pub fn fence_after(&self, term: u64, written: u64) -> Option<u64> {
        let own = (self.beat == 0).then_some(Fence {
            term: self.term,
            revision: written,
        });
        self.fences
            .iter()
            .chain(&own)
            .filter(|fence| fence.term > term)
            .map(|fence| fence.revision)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_fence_after_a_term_is_found() {
        let mut record = LeaderRecord::default();
        for (term, revision) in [(3, 30), (4, 40), (6, 60), (6, 61)] {
            record.note_fence(Fence { term, revision });
        }
        (record.term, record.beat) = (7, 0);
        assert_eq!(record.fence_after(3, 70), Some(40));
        assert_eq!(record.fence_after(4, 70), Some(60));
        assert_eq!(record.fence_after(6, 70), Some(70));
        assert_eq!(record.fence_after(7, 70), None);
        record.beat = 1;
        assert_eq!(
            record.fence_after(6, 75),
            None,
            "no heartbeat comes before its fence is recorded"
        );
    }

    #[test]
    fn record_with_numbers_that_no_gateway_wrote_is_none() {
        let read = |edit: &dyn Fn(&mut LeaderRecord)| {
            let mut record = LeaderRecord {
                term: 9,
                duration_ms: 4_000,
                ..LeaderRecord::default()
            };
            edit(&mut record);
            LeaderRecord::read(&serde_json::to_vec(&record).unwrap())
        };
        assert_eq!(read(&|_| {}).unwrap().term, 9);
        assert!(read(&|record| record.term = u64::MAX).is_none());
        let after_write_ids = write_ids::HIGHEST_TERM + 1;
        assert!(read(&|record| record.term = after_write_ids).is_some());
        assert!(read(&|record| record.offset = u64::MAX).is_none());
        assert!(read(&|record| record.floor = u64::MAX).is_none());
        assert!(read(&|record| record.duration_ms = u64::MAX).is_none());
        let (term, revision) = (8, u64::MAX);
        assert!(read(&|record| record.note_fence(Fence { term, revision })).is_none());
        assert!(LeaderRecord::read(b"{}").is_none());
    }

    #[test]
    fn floor_is_written_only_if_it_is_not_zero() {
        let mut record = LeaderRecord::default();
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("floor"), "{text}");
        assert_eq!(serde_json::from_str::<LeaderRecord>(&text).unwrap(), record);
        record.floor = 3;
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<LeaderRecord>(&text).unwrap(), record);
    }

    #[test]
    fn past_spans_the_last_minute() {
        let mut record = LeaderRecord::default();
        // A heartbeat every two seconds.
        for beat in 0..100 {
            record.note_past(beat, i64::try_from(beat).unwrap() * 2_000);
        }
        let revisions: Vec<_> = record.past.iter().map(|past| past.revision).collect();
        assert_eq!(revisions, [65, 70, 75, 80, 85, 90, 95]);
    }

    #[test]
    fn oldest_fences_are_dropped() {
        let mut record = LeaderRecord::default();
        for term in 1..=100 {
            let revision = term * 10;
            record.note_fence(Fence { term, revision });
        }
        assert_eq!(record.fences.len(), FENCES);
        assert_eq!(record.fence_after(99, 1), Some(1000));
    }
}
