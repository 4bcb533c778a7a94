//! Journals applied to the object cache: each commits a transaction, or fails on a precondition.

use super::object_cache::ObjectCache;
use crate::model::{Commit, Key, Revision};
use crate::store::kubernetes::codec::decode::decode_journal;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::shared::log::LogEvent;

impl ObjectCache {
    pub(super) fn apply_journal(&mut self, object: &EntryObject) -> LogEvent {
        if self.transactions.update(object) {
            return LogEvent::Progress(self.index());
        }
        let write_id = object.written_by();
        let Some(write_id) = write_id.filter(|write_id| write_id.term >= self.term) else {
            self.transactions.mark_obsolete(object);
            return match write_id {
                Some(_stale) => LogEvent::Stale(self.index()),
                None => LogEvent::Progress(self.index()),
            };
        };
        if let Some(commit) = self.judge(object, self.index()) {
            let commit = self.commit_transaction(object, commit, |_| false);
            let write_id = Some(write_id.name());
            LogEvent::Commit { commit, write_id }
        } else {
            self.transactions.mark_obsolete(object);
            LogEvent::Refused(write_id.name())
        }
    }

    /// The commit of a journal, if every precondition holds.
    fn judge(&self, object: &EntryObject, at: u64) -> Option<Commit> {
        let journal = decode_journal(object)?;
        let holds = |(key, expected): (Key, Option<Revision>)| {
            let found = self.entry(&key).map(|entry| entry.modified);
            if found != expected {
                tracing::debug!(at, %key, ?expected, ?found, "a precondition of a transaction failed");
            }
            found == expected
        };
        if !journal.preconditions(at)?.into_iter().all(holds) {
            return None;
        }
        journal.commit(at, |key| self.entry(key).cloned())
    }
}
