//! The lead: a record among the data that says which gateway writes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Key;

/// Fences that are remembered.
const FENCES: usize = 32;

/// How far back a gateway that starts reads, in steps of [`STEP_MS`]: a Kubernetes API server remembers changes for 75 s.
const STEPS: usize = 7;

/// How long from one step to the next, in milliseconds.
const STEP_MS: i64 = 10_000;

/// Which gateway writes. Taking the lead is a guarded write of the next term: the fence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaderRecord {
    /// Counts the leaders; a gateway may lead several terms.
    pub term: u64,
    /// A name of the process that leads, never used twice.
    pub holder: String,
    /// What people call it.
    pub name: String,
    /// Where other gateways reach it, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<Relay>,
    /// How long the lead lasts without a heartbeat, in milliseconds.
    pub duration_ms: u64,
    /// Heartbeats of this term, counted; 0 is the fence.
    pub beat: u64,
    /// Counts what its holder sent, so that it knows which of its tries this is.
    #[serde(default)]
    pub attempt: u64,
    /// It was given up: others need not wait.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
    /// The name of the keyspace, made once.
    pub identity: u64,
    /// An index is the store's revision and this.
    #[serde(default)]
    pub offset: u64,
    /// Revisions of the last minute or so, oldest first: whoever starts to follow begins there, and so knows what
    /// happened since.
    #[serde(default)]
    pub past: Vec<Passed>,
    /// Where the last terms began, oldest first; the present one's is noted with its first heartbeat.
    #[serde(default)]
    pub fences: Vec<Fence>,
    /// The highest index at which any leader so far did not know what went. It tells clients no lower one of what is not
    /// there, and whoever leads next may know more: without this, an index would fall.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub floor: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(floor: &u64) -> bool {
    *floor == 0
}

/// Where a leader takes connections that other gateways relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// HOST:PORT.
    pub address: String,
    /// The SHA-256 of its certificate, in hexadecimal digits.
    pub certificate: String,
}

/// Where the record was at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Passed {
    /// The revision.
    pub revision: u64,
    /// The time, in milliseconds since 1970: only how far back one reads depends on it.
    pub at_ms: i64,
}

/// Where a term began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The term.
    pub term: u64,
    /// The store's revision of its first write.
    pub revision: u64,
}

impl LeaderRecord {
    /// The record's key.
    pub fn key() -> Key {
        Key::system("lead")
    }

    /// How long the lead lasts without a heartbeat.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }

    /// Remembers where the record was, every now and then; to be called at each heartbeat.
    pub fn note_past(&mut self, revision: u64, at_ms: i64) {
        let last = self.past.last().map_or(i64::MIN, |last| last.at_ms);
        // A clock that was set back begins anew.
        if at_ms.saturating_sub(last) < STEP_MS && at_ms >= last {
            return;
        }
        self.past.push(Passed { revision, at_ms });
        let excess = self.past.len().saturating_sub(STEPS);
        self.past.drain(..excess);
    }

    /// Remembers where a term began.
    pub fn note_fence(&mut self, fence: Fence) {
        if self.fences.iter().any(|known| known.term == fence.term) {
            return;
        }
        self.fences.push(fence);
        let excess = self.fences.len().saturating_sub(FENCES);
        self.fences.drain(..excess);
    }

    /// Where the first term after this one began, as far as that is remembered; `written` is the record's own revision.
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
    fn the_first_fence_after_a_term_is_found() {
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
            "no heartbeat comes before its fence is noted"
        );
    }

    #[test]
    fn a_floor_is_there_where_there_is_one() {
        let mut record = LeaderRecord::default();
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("floor"), "{text}");
        assert_eq!(serde_json::from_str::<LeaderRecord>(&text).unwrap(), record);
        record.floor = 3;
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<LeaderRecord>(&text).unwrap(), record);
    }

    #[test]
    fn the_past_is_a_minute_long() {
        let mut record = LeaderRecord::default();
        // A heartbeat every two seconds.
        for beat in 0..100 {
            record.note_past(beat, i64::try_from(beat).unwrap() * 2_000);
        }
        let revisions: Vec<_> = record.past.iter().map(|passed| passed.revision).collect();
        assert_eq!(revisions, [65, 70, 75, 80, 85, 90, 95]);
    }

    #[test]
    fn old_fences_are_forgotten() {
        let mut record = LeaderRecord::default();
        for term in 1..=100 {
            let revision = term * 10;
            record.note_fence(Fence { term, revision });
        }
        assert_eq!(record.fences.len(), FENCES);
        assert_eq!(record.fence_after(99, 1), Some(1000));
    }
}
