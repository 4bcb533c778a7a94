//! The writer thread: makes a group of waiting proposals durable with one sync, delivers their commits, then answers.

mod trim;
mod wide;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::commit_queue::{CommitQueue, NextWork, QueuedCommit, Request};
use super::data_dir::DataDir;
use super::directory_checkpoint::DirectoryCheckpointFile;
use super::engine::Engine;
use super::free_space::{FreeSpace, SpaceLeft, SpaceNeed};
use super::high_water_mark::HighWaterMark;
use super::record::{self, EntriesDigest, Metadata, Seal};
use super::retention::{AppliedChange, Retention};
use super::wide::ahead::AheadDeletion;
use super::write_batch::WriteBatch;
use crate::model::{Change, Commit, Revision};
use crate::store::sequencer::{Sequencer, number};
use crate::store::{AcceptedOutcome, CommitError, CommitSink, DirectoryChanges, RetentionFloors};

/// The interval of syncing the high-water mark, and of checking for a moved directory while nobody writes.
pub(super) const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The pause between two steps of trimming while nobody writes.
const TRIM_PAUSE: Duration = Duration::from_millis(1);

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
            self.apply(commit.revision, sub, change);
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

    /// Applies a change to the digest and to what may be trimmed.
    fn apply(&mut self, main: u64, sub: u32, change: &Change) {
        let before = change.before.as_ref().map(|entry| entry.modified);
        let now = change.now.as_ref().map(|entry| entry.modified);
        self.digest.apply(&change.key, before, now);
        self.retention.apply(&AppliedChange {
            key: Some(&change.key),
            at: Revision::new(main, sub),
            before,
            put: now.is_some(),
        });
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
}

#[cfg(test)]
mod tests;
