//! `AheadDeletion`: a wide deletion whose keys the writer takes in steps, before it has a revision.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::{Change, Commit};
use crate::store::CommitError;
use crate::store::embedded::record::is_listed;
use crate::store::embedded::retention::{AheadNumber, Retention};
use crate::store::sequencer::Sequencer;

/// The changes that are taken in one step: about a millisecond.
const STEP: usize = 2_048;

/// A deletion of which some changes are taken.
#[derive(Debug)]
pub(in crate::store::embedded) struct AheadDeletion {
    pub(super) number: AheadNumber,
    pub(super) commit: Arc<Commit>,
    /// How many changes are taken.
    pub(super) taken: usize,
    /// Told when all are, or that one does not fit.
    pub(super) done: oneshot::Sender<Result<(), CommitError>>,
}

impl AheadDeletion {
    /// Takes the next changes; `None` where that was the end of it.
    pub(in crate::store::embedded) fn step(
        mut self,
        sequencer: &mut Sequencer,
        retention: &mut Retention,
    ) -> Option<Self> {
        let end = self.taken.saturating_add(STEP);
        let rest = self.commit.changes.get(self.taken..).unwrap_or_default();
        let next = rest.get(..STEP).unwrap_or(rest);
        if let Err(refused) = sequencer.take_changes(listed(next)) {
            take_back(self.taken(), self.number, sequencer, retention);
            self.finish(Err(refused));
            return None;
        }
        let deletions = (self.taken..).zip(next);
        let deletions = deletions.filter(|(_, change)| is_listed(change));
        retention.delete_ahead(self.number, deletions);
        self.taken = end.min(self.commit.changes.len());
        if self.taken < self.commit.changes.len() {
            return Some(self);
        }
        self.finish(Ok(()));
        None
    }

    fn taken(&self) -> &[Change] {
        self.commit.changes.get(..self.taken).unwrap_or_default()
    }

    /// Says how it ended. The commit is given back first: nobody else has it then.
    fn finish(self, how: Result<(), CommitError>) {
        let Self { commit, done, .. } = self;
        drop(commit);
        // The thread that waits for it may have ended.
        drop(done.send(how));
    }
}

/// What is taken ahead of these changes.
fn listed(changes: &[Change]) -> impl DoubleEndedIterator<Item = &Change> + Clone {
    changes.iter().filter(|change| is_listed(change))
}

/// Takes back what was taken ahead of these changes: the deletion is not made.
pub(in crate::store::embedded) fn take_back(
    changes: &[Change],
    number: AheadNumber,
    sequencer: &mut Sequencer,
    retention: &mut Retention,
) {
    sequencer.take_back(listed(changes));
    retention.take_back_ahead(number, listed(changes));
}
