//! The writer thread: makes a group of waiting proposals durable with one sync, delivers their commits, then answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::commit_queue::{CommitQueue, NextWork, PendingReply, QueuedCommit, Request};
use super::data_dir::DataDir;
use super::directory_checkpoint::DirectoryCheckpointFile;
use super::engine::Engine;
use super::free_space::{FreeSpace, SpaceLeft, SpaceNeed};
use super::high_water_mark::HighWaterMark;
use super::journal::ListFile;
use super::record::{self, EntriesDigest, ListHeader, Metadata, Seal};
use super::retention::{AppliedChange, Retention};
use super::wide::ahead::{AheadDeletion, take_back};
use super::wide::deletion::WideDeletion;
use super::write_batch::{ListRow, WriteBatch};
use crate::model::{Commit, Revision};
use crate::store::sequencer::{Sequencer, number};
use crate::store::{AcceptedOutcome, CommitError, CommitSink, DirectoryChanges, RetentionFloors};

/// The interval of syncing the high-water mark, and of checking for a moved directory while nobody writes.
pub(super) const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The pause between two steps of trimming while nobody writes.
const TRIM_PAUSE: Duration = Duration::from_millis(1);

/// The records trimmed in one step while nobody writes.
const IDLE_TRIM: usize = 4096;

/// About the bytes of the record of a deletion in the table.
const RECORD_BYTES: usize = 160;

/// The changes of a group from which on another thread gets ready for their delivery.
const PREPARED_CHANGES: usize = 4096;

/// The state of the writer thread. The lock on the directory is released last.
pub(super) struct Writer<E> {
    pub(super) queue: Arc<CommitQueue>,
    pub(super) engine: E,
    pub(super) sink: Arc<dyn CommitSink>,
    pub(super) seal: Seal,
    pub(super) sequencer: Sequencer,
    pub(super) metadata: Metadata,
    pub(super) digest: EntriesDigest,
    pub(super) retention: Retention,
    pub(super) free_space: FreeSpace,
    pub(super) high_water_mark: HighWaterMark,
    pub(super) directories: DirectoryCheckpointFile,
    /// Deletions whose changes are taken ahead, the first of them now.
    pub(super) ahead: VecDeque<AheadDeletion>,
    /// A checkpoint that could not be kept, and the floors that wait for it.
    pub(super) unkept: Option<(DirectoryChanges, Option<RetentionFloors>)>,
    pub(super) data_dir: DataDir,
    /// Whether something was refused for want of space since the high-water mark was synced last.
    pub(super) short: bool,
}

impl<E: Engine> Writer<E> {
    /// Writes until the queue is closed. An error means that the process must end: the contents of the disk are unknown,
    /// or the directory is no longer in place.
    pub(super) fn run(&mut self) -> Result<(), String> {
        let mut patience = SYNC_EVERY;
        let mut synced = Instant::now();
        loop {
            self.ahead.extend(self.queue.next_ahead());
            let has_ahead = !self.ahead.is_empty();
            let patience_now = if has_ahead { Duration::ZERO } else { patience };
            match self.queue.next_work(patience_now) {
                NextWork::Group(group) => {
                    self.note_retention_floors(false);
                    self.commit_group(group)?;
                    patience = TRIM_PAUSE;
                }
                NextWork::Wide(deletion, reply) => self.commit_wide(*deletion, reply)?,
                // One step between two groups, so that nobody waits for more than that.
                NextWork::Idle if has_ahead => {}
                NextWork::Idle => {
                    self.note_retention_floors(true);
                    self.check_data_dir()?;
                    self.engine.healthy()?;
                    patience = if self.trim_idle()? {
                        TRIM_PAUSE
                    } else {
                        SYNC_EVERY
                    };
                }
                NextWork::Closed => break,
            }
            self.step_ahead();
            if synced.elapsed() >= SYNC_EVERY {
                self.sync_mark()?;
                self.accept_again();
                synced = Instant::now();
            }
        }
        self.sync_mark()
    }

    fn commit_group(&mut self, group: Vec<QueuedCommit>) -> Result<(), String> {
        let bytes = group.iter().map(QueuedCommit::bytes).sum::<u64>();
        let mut left = self.space_left()?;
        let all_fit = left.fits(bytes);
        let mut outcomes = Vec::with_capacity(group.len());
        let mut commits = Vec::with_capacity(group.len());
        let mut waiting = Vec::with_capacity(group.len());
        let mut refused = false;
        for queued in group {
            // What was decided on something that is not written is not written either.
            let fails_too = refused && queued.is_in_order();
            let short = (!all_fit).then_some((&mut left, queued.bytes()));
            let (request, reply) = queued.split();
            let outcome = if fails_too {
                Err(CommitError::Conflict)
            } else {
                self.take(request, short)
            };
            refused |= outcome.is_err();
            commits.extend(outcome.iter().flatten().map(Arc::clone));
            outcomes.push(outcome);
            waiting.push(reply);
        }
        if let Err(why) = self.make_durable_and_prepare(&commits) {
            for reply in waiting {
                reply.send(Err(CommitError::Unknown(why.clone())));
            }
            return Err(why);
        }
        if !commits.is_empty() {
            self.sink.deliver(commits);
        }
        // After the delivery: a new generation is decided on a snapshot that has all of the old one.
        if refused {
            self.restart();
        }
        // Refusals wait for the delivery too: the readers' snapshot then includes the commit that caused the conflict.
        for (reply, outcome) in waiting.into_iter().zip(outcomes) {
            reply.send(outcome);
        }
        Ok(())
    }

    /// Takes the next changes of a deletion that waits for that.
    fn step_ahead(&mut self) {
        if let Some(deletion) = self.ahead.pop_front()
            && let Some(rest) = deletion.step(&mut self.sequencer, &mut self.retention)
        {
            self.ahead.push_front(rest);
        }
    }

    /// Makes a deletion that is prepared, in time that does not grow with it.
    fn commit_wide(&mut self, deletion: WideDeletion, reply: PendingReply) -> Result<(), String> {
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

    /// Numbers and checks what is asked for; `None` where nothing is to be written. Where not all of a group fits, a commit
    /// takes its bytes from what is left.
    fn take(&mut self, request: Request, short: Option<(&mut SpaceLeft, u64)>) -> AcceptedOutcome {
        let commit = match request {
            Request::Barrier => return Ok(None),
            Request::Numbered(commit) => commit,
            Request::Proposal(proposal) => Arc::new(number(
                proposal,
                self.sequencer.revision().saturating_add(1),
            )),
            // In no group.
            Request::Wide(_) => return Err(CommitError::Conflict),
        };
        if let Some((left, bytes)) = short
            && let Err(why) = left.take(SpaceNeed::of(&commit), bytes)
        {
            self.short = true;
            return Err(CommitError::Full(why));
        }
        self.sequencer.take(&commit)?;
        Ok(Some(commit))
    }

    /// Begins a new generation, as something was refused: what was accepted after it is decided again. While space is short,
    /// each proposal is judged by itself, so that one that is refused takes no other with it.
    fn restart(&self) {
        let revision = self.sequencer.revision();
        for reply in self.queue.restart(revision, !self.short) {
            reply.send(Err(CommitError::Conflict));
        }
    }

    /// Accepts in order again when nothing was refused for want of space for a while.
    fn accept_again(&mut self) {
        if !std::mem::take(&mut self.short) && !self.queue.is_accepting() {
            self.queue.resume();
        }
    }

    /// Makes commits durable while the sink gets ready for them, where they are so many changes that it takes a while.
    fn make_durable_and_prepare(&mut self, commits: &[Arc<Commit>]) -> Result<(), String> {
        let changes = commits.iter().map(|commit| commit.changes.len());
        if changes.sum::<usize>() < PREPARED_CHANGES {
            return self.make_durable(commits);
        }
        let sink = Arc::clone(&self.sink);
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("store-prepare".to_owned());
            // Without a thread the delivery takes longer.
            let _prepares = thread.spawn_scoped(scope, move || sink.prepare(commits));
            self.make_durable(commits)
        })
    }

    /// Makes commits durable; must succeed before they are delivered or answered.
    fn make_durable(&mut self, commits: &[Arc<Commit>]) -> Result<(), String> {
        let Some(last) = commits.last() else {
            return Ok(());
        };
        let mut batch = WriteBatch::default();
        for commit in commits {
            self.add(commit, &mut batch)?;
        }
        let changes = batch.put.len();
        self.add_trim(64 + 2 * changes, &mut batch)?;
        self.write_durably(batch, last.revision)
    }

    /// Writes the records of commits up to a revision, and notes that it is durable.
    fn write_durably(&mut self, batch: WriteBatch, last: u64) -> Result<(), String> {
        self.engine
            .write(batch)
            .map_err(|e| format!("writing to {}: {e}", self.data_dir.root().display()))?;
        // Checked after the sync: commits written into a directory that was moved away are not acknowledged.
        self.check_data_dir()?;
        self.high_water_mark
            .write(last)
            .map_err(|e| format!("writing {}: {e}", self.data_dir.high_water_mark().display()))
    }

    fn add(&mut self, commit: &Commit, batch: &mut WriteBatch) -> Result<(), String> {
        for (sub, change) in (0_u32..).zip(&commit.changes) {
            let before = change.before.as_ref().map(|entry| entry.modified);
            let now = change.now.as_ref().map(|entry| entry.modified);
            self.digest.apply(&change.key, before, now);
            self.retention.apply(&AppliedChange {
                key: Some(&change.key),
                at: Revision::new(commit.revision, sub),
                before,
                put: now.is_some(),
            });
        }
        if commit.changes.is_empty() {
            self.retention.apply(&AppliedChange {
                key: None,
                at: Revision::new(commit.revision, 0),
                before: None,
                put: false,
            });
        }
        record::add_rows(self.seal, commit, self.digest, &mut batch.put)
            .map_err(|e| format!("encoding commit {}: {e}", commit.revision))
    }

    /// Adds the next step of trimming: records and floors change in one batch, so a start finds both or neither.
    fn add_trim(&mut self, most: usize, batch: &mut WriteBatch) -> Result<bool, String> {
        let Some(trim) = self.retention.next_step(most) else {
            return Ok(false);
        };
        self.metadata.history_floor = trim.history_floor;
        self.metadata.deletions_floor = trim.deletions_floor;
        self.metadata.is_partial = trim.is_partial;
        let row = record::metadata_row(self.seal, &self.metadata).map_err(|e| e.to_string())?;
        batch.put.push(row);
        batch.remove = trim.remove;
        Ok(true)
    }

    fn trim_idle(&mut self) -> Result<bool, String> {
        if self.space_left()?.take(SpaceNeed::Frees, 0).is_err() {
            return Ok(false);
        }
        let mut batch = WriteBatch::default();
        if !self.add_trim(IDLE_TRIM, &mut batch)? {
            return Ok(false);
        }
        self.engine
            .write(batch)
            .map_err(|e| format!("writing to {}: {e}", self.data_dir.root().display()))?;
        Ok(true)
    }

    fn space_left(&mut self) -> Result<SpaceLeft, String> {
        let compaction = self.engine.table_bytes();
        self.free_space
            .left(compaction)
            .map_err(|e| format!("examining {}: {e}", self.data_dir.root().display()))
    }

    fn check_data_dir(&self) -> Result<(), String> {
        if self.data_dir.is_still_in_place(&self.high_water_mark) {
            return Ok(());
        }
        Err(format!(
            "{} was moved, removed or replaced while in use",
            self.data_dir.root().display()
        ))
    }

    fn sync_mark(&mut self) -> Result<(), String> {
        self.high_water_mark
            .sync()
            .map_err(|e| format!("syncing {}: {e}", self.data_dir.high_water_mark().display()))
    }

    /// Keeps the checkpoint of directories that was handed over, and lets trimming go on to the floors behind it. One that
    /// could not be kept is tried again when there is time, or with the next.
    fn note_retention_floors(&mut self, has_time: bool) {
        let (changes, floors) = self.queue.take_retention();
        let tries = has_time || changes.is_some();
        let earlier = self.unkept.take();
        let is_repeated = earlier.is_some();
        let (unkept, waiting) = earlier.unzip();
        let floors = floors.or(waiting.flatten());
        let changes = match (unkept, changes) {
            (Some(mut unkept), Some(later)) => {
                unkept.extend(later);
                Some(unkept)
            }
            (unkept, changes) => unkept.or(changes),
        };
        if let Some(changes) = changes
            && (!tries || !self.keep_directories(&changes, is_repeated))
        {
            // What it counts stays in the history until it is kept.
            self.unkept = Some((changes, floors));
            return;
        }
        if let Some(floors) = floors {
            self.retention.raise_floors(floors);
        }
    }

    /// Writes a checkpoint of directories; says whether that succeeded.
    fn keep_directories(&mut self, changes: &DirectoryChanges, is_repeated: bool) -> bool {
        let Err(e) = self.directories.write(changes) else {
            return true;
        };
        if !is_repeated {
            tracing::warn!(
                path = %self.data_dir.directories().display(),
                "cannot write the counts of directories; history is kept until they are written, so the store grows: {e}"
            );
        }
        false
    }
}

#[cfg(test)]
mod tests;
