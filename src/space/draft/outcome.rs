//! The outcome of a draft: its parts, its read-write set and its proposal.

use super::Draft;
use crate::model::{Cause, Proposal};
use crate::space::pending::MAX_PENDING_WRITES;
use crate::space::read_write_set::{Effect, ReadWriteSet, RestsOn};

impl Draft<'_> {
    /// Begins the next of the changes that are decided on this draft.
    pub(crate) fn begin_part(&mut self) {
        self.parts.begin(self.writes.len());
        self.cause = Cause::Set;
    }

    /// Ends it; says whether it can go with those before it. It cannot where one commit would hide what they did one after
    /// another, nor where it was refused after it had written something: then the draft must not be used.
    pub(crate) fn end_part(&mut self, accepted: bool) -> bool {
        let cause = self.parts.end(accepted, self.writes.len(), self.cause);
        self.cause = cause.unwrap_or_default();
        cause.is_some() && self.subject.is_none()
    }

    /// What was read and what will be written. The draft is not used any more.
    pub(crate) fn take_read_write_set(&mut self) -> ReadWriteSet {
        let counters = self.counters(self.written.len() > MAX_PENDING_WRITES);
        let writes = self.written.iter().map(|(key, own)| {
            let effect = if own.existed && own.shown.is_some() {
                Effect::Changes
            } else {
                Effect::ComesOrGoes
            };
            (key.clone(), effect)
        });
        let writes = writes.chain(counters).collect();
        let reads = self.reads.take().unwrap_or_default();
        ReadWriteSet::new(reads.into_inner(), writes).resting_on(RestsOn {
            directories: self.asked_directories(),
            ended: std::mem::take(&mut self.ended),
        })
    }

    /// Whether something was written and removed again. A transaction that shows it names the next revision, which must not
    /// be another change's later.
    pub(crate) fn undid(&self) -> bool {
        self.writes
            .iter()
            .any(|write| write.before.is_none() && write.put.is_none())
    }

    /// The writes, less those that change nothing. The draft goes on to show what it wrote, and writes nothing more.
    pub(crate) fn take_proposal(&mut self) -> Proposal {
        let mut writes = std::mem::take(&mut self.writes);
        writes.retain(|write| write.before.is_some() || write.put.is_some());
        Proposal {
            cause: self.cause,
            subject: self.subject.clone(),
            writes,
        }
    }
}
