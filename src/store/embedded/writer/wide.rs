//! Wide deletions on the writer thread: their keys are taken ahead in steps, and their commits made in one.

use std::sync::Arc;

use super::Writer;
use crate::model::Commit;
use crate::store::CommitError;
use crate::store::embedded::commit_queue::PendingReply;
use crate::store::embedded::engine::Engine;
use crate::store::embedded::journal::ListFile;
use crate::store::embedded::record::{self, ListHeader};
use crate::store::embedded::wide::ahead::take_back;
use crate::store::embedded::wide::deletion::WideDeletion;
use crate::store::embedded::write_batch::{ListRow, WriteBatch};

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
        mut deletion: WideDeletion,
        reply: PendingReply,
    ) -> Result<(), String> {
        let (need, bytes) = deletion.space;
        if let Err(why) = self.space_left()?.take(need, bytes) {
            self.short = true;
            self.refuse_wide(&deletion, reply, CommitError::Full(why));
            return Ok(());
        }
        let revision = self.sequencer.revision().saturating_add(1);
        deletion.number(revision);
        let in_turn = deletion.unlisted().map(|(_, change)| change);
        if let Err(refused) = self.sequencer.take_changes(in_turn) {
            self.refuse_wide(&deletion, reply, refused);
            return Ok(());
        }
        let revision = self.sequencer.number_taken();
        self.digest = self.digest.without(deletion.gone);
        let obsolete = std::mem::take(&mut deletion.obsolete);
        self.retention
            .number_ahead(deletion.number, revision, obsolete);
        for (sub, change) in deletion.unlisted() {
            self.apply(revision, sub, change);
        }
        let WideDeletion {
            commit,
            unlisted,
            list,
            prepared,
            ..
        } = deletion;
        if let Err(why) = self.make_list_durable((&commit, &unlisted), list) {
            reply.send(Err(CommitError::Unknown(why.clone())));
            return Err(why);
        }
        self.sink.deliver_wide(Arc::clone(&commit), prepared);
        reply.send(Ok(Some(commit)));
        Ok(())
    }

    /// Refuses a deletion whose keys were taken ahead.
    fn refuse_wide(&mut self, deletion: &WideDeletion, reply: PendingReply, why: CommitError) {
        let changes = deletion.commit.changes.as_slice();
        let into = (&mut self.sequencer, &mut self.retention);
        take_back(changes, deletion.number, into.0, into.1);
        self.restart();
        reply.send(Err(why));
    }

    /// Makes a commit durable whose list is; what is not listed of it is written with the name of the list.
    fn make_list_durable(
        &mut self,
        (commit, unlisted): (&Commit, &[u32]),
        list: ListFile,
    ) -> Result<(), String> {
        let failed = |e| format!("encoding commit {}: {e}", commit.revision);
        let header = ListHeader::new(list.identity(), (commit, unlisted), self.digest);
        let row = header.and_then(|header| header.row(self.seal, commit.revision));
        let row = row.map_err(failed)?;
        let mut put = Vec::with_capacity(unlisted.len());
        record::add_unlisted_rows(self.seal, (commit, unlisted), self.digest, &mut put)
            .map_err(failed)?;
        let list = ListRow {
            row,
            file: list.into_named(),
            seal: self.seal,
        };
        let batch = WriteBatch {
            put,
            list: Some(list),
            ..WriteBatch::default()
        };
        self.write_durably(batch, commit.revision)
    }
}
