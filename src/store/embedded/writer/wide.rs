//! Wide deletions on the writer thread: their changes are taken ahead in steps, and their commits made in one.

use std::sync::Arc;

use super::Writer;
use crate::model::Commit;
use crate::store::CommitError;
use crate::store::embedded::commit_queue::PendingReply;
use crate::store::embedded::engine::Engine;
use crate::store::embedded::free_space::SpaceNeed;
use crate::store::embedded::journal::ListFile;
use crate::store::embedded::record::ListHeader;
use crate::store::embedded::wide::ahead::take_back;
use crate::store::embedded::wide::deletion::WideDeletion;
use crate::store::embedded::write_batch::{ListRow, WriteBatch};

/// About the bytes of the record of a deletion in the table.
const RECORD_BYTES: usize = 160;

impl<E: Engine> Writer<E> {
    /// Takes the next changes of a deletion that waits for that.
    pub(super) fn step_ahead(&mut self) {
        if let Some(deletion) = self.ahead.pop_front()
            && let Some(rest) = deletion.step(&mut self.sequencer, &mut self.retention)
        {
            self.ahead.push_front(rest);
        }
    }

    /// Makes a deletion that is prepared, in time that does not grow with it.
    pub(super) fn commit_wide(
        &mut self,
        deletion: WideDeletion,
        reply: PendingReply,
    ) -> Result<(), String> {
        let bytes = deletion.commit.changes.len().saturating_mul(RECORD_BYTES);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let left = self.space_left()?.take(SpaceNeed::Frees, bytes);
        if let Err(why) = left {
            let WideDeletion { number, commit, .. } = &deletion;
            let changes = commit.changes.as_slice();
            take_back(changes, *number, &mut self.sequencer, &mut self.retention);
            self.short = true;
            self.restart();
            reply.send(Err(CommitError::Full(why)));
            return Ok(());
        }
        let WideDeletion {
            number,
            mut commit,
            gone,
            obsolete,
            list,
            prepared,
        } = deletion;
        let revision = self.sequencer.number_taken();
        // Nobody else has it, or else it would be copied.
        Arc::make_mut(&mut commit).revision = revision;
        self.digest = self.digest.without(gone);
        self.retention.number_ahead(number, revision, obsolete);
        if let Err(why) = self.make_list_durable(&commit, list) {
            reply.send(Err(CommitError::Unknown(why.clone())));
            return Err(why);
        }
        self.sink.deliver_wide(Arc::clone(&commit), prepared);
        reply.send(Ok(Some(commit)));
        Ok(())
    }

    /// Makes a commit durable whose list is.
    fn make_list_durable(&mut self, commit: &Commit, list: ListFile) -> Result<(), String> {
        let header = ListHeader::new(list.identity(), commit, self.digest);
        let row = header.and_then(|header| header.row(self.seal, commit.revision));
        let row = row.map_err(|e| format!("encoding commit {}: {e}", commit.revision))?;
        let file = list.into_named();
        let list = ListRow {
            row,
            file,
            seal: self.seal,
        };
        let batch = WriteBatch {
            list: Some(list),
            ..WriteBatch::default()
        };
        self.write_durably(batch, commit.revision)
    }
}
