//! Pending writes: those that this gateway sent and whose outcome the watch has not delivered.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

use crate::store::CommitError;
use crate::store::shared::watch_cache::delivery_queue::WriteOutcome;
use crate::store::shared::write_ids::WriteId;

/// The callers of pending writes, by write id.
#[derive(Debug, Default)]
pub(super) struct PendingWrites(HashMap<WriteId, oneshot::Sender<WriteOutcome>>);

impl PendingWrites {
    /// Adds a write; the receiver gets its outcome, or an error once the write is dropped.
    pub(super) fn add(&mut self, write_id: WriteId) -> oneshot::Receiver<WriteOutcome> {
        let (sender, receiver) = oneshot::channel();
        self.0.insert(write_id, sender);
        receiver
    }

    /// Takes a write out, for its answer.
    pub(super) fn take(&mut self, write_id: WriteId) -> Option<oneshot::Sender<WriteOutcome>> {
        self.0.remove(&write_id)
    }

    /// Takes out the writes of every term before this one: once the term's fence is delivered they are stale.
    pub(super) fn take_before(&mut self, term: u64) -> Vec<oneshot::Sender<WriteOutcome>> {
        let stale = self.0.extract_if(|write_id, _| write_id.term < term);
        stale.map(|(_, sender)| sender).collect()
    }

    /// Drops every write: their outcome stays unknown.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Answers every write after a relist that spans a gap. A write that took effect in the gap is found by its write id,
    /// unless a later write has replaced its entry since, so that no answer but "unknown" is certain.
    pub(super) fn fail_over_gap(&mut self, listed: &HashSet<WriteId>) {
        for (write_id, sender) in self.0.drain() {
            let why = if listed.contains(&write_id) {
                "it took effect, but its revision is not known"
            } else {
                "the watch lost the changes of that time"
            };
            // The caller may have gone.
            let _gone = sender.send(Err(CommitError::Unknown(why.to_owned())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_id(term: u64, sequence: u64) -> WriteId {
        WriteId { term, sequence }
    }

    #[test]
    fn fence_makes_only_earlier_terms_stale() {
        let mut pending = PendingWrites::default();
        let _receivers = [
            pending.add(write_id(3, 1)),
            pending.add(write_id(3, 2)),
            pending.add(write_id(4, 3)),
        ];
        assert_eq!(pending.take_before(3).len(), 0);
        assert_eq!(pending.take_before(4).len(), 2);
        assert!(pending.take(write_id(4, 3)).is_some());
        assert!(pending.take(write_id(3, 1)).is_none());
    }

    #[test]
    fn write_in_a_gap_stays_unknown_listed_or_not() {
        let mut pending = PendingWrites::default();
        let mut listed = pending.add(write_id(1, 1));
        let mut missing = pending.add(write_id(1, 2));
        pending.fail_over_gap(&HashSet::from([write_id(1, 1)]));
        for outcome in [listed.try_recv(), missing.try_recv()] {
            assert!(matches!(outcome, Ok(Err(CommitError::Unknown(_)))));
        }
    }

    #[test]
    fn cleared_write_ends_without_an_outcome() {
        let mut pending = PendingWrites::default();
        let mut receiver = pending.add(write_id(1, 1));
        pending.clear();
        let error = receiver.try_recv().unwrap_err();
        assert_eq!(error, oneshot::error::TryRecvError::Closed);
    }
}
