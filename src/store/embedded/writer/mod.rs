//! The one thread that writes: groups what waits, makes it durable with one sync, delivers it, then answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::commit_queue::{Queue, Request, Taken};
use super::data_dir::DataDir;
use super::engine::{Batch, Engine};
use super::free_space::FreeSpace;
use super::high_water_mark::HighWaterMark;
use super::record::{self, About, Seal, State};
use super::retention::{Happened, Retention};
use crate::model::{Commit, Revision};
use crate::store::sequencer::Sequencer;
use crate::store::{CommitError, CommitSink};

/// How often the mark is synced, and how soon a directory that was moved away is noticed when nobody writes.
pub(super) const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Pause between two steps of forgetting when nobody writes.
const TRIM_PAUSE: Duration = Duration::from_millis(1);

/// Records forgotten in one step when nobody writes.
const IDLE_TRIM: usize = 4096;

/// All that the writing thread owns. The lock on the directory goes last.
pub(super) struct Writer<E> {
    pub(super) queue: Arc<Queue>,
    pub(super) engine: E,
    pub(super) feed: Arc<dyn CommitSink>,
    pub(super) seal: Seal,
    pub(super) sequencer: Sequencer,
    pub(super) about: About,
    pub(super) state: State,
    pub(super) retention: Retention,
    pub(super) room: FreeSpace,
    pub(super) mark: HighWaterMark,
    pub(super) place: DataDir,
}

impl<E: Engine> Writer<E> {
    /// Writes until the queue is closed. An error means that the process must end: what is on disk is not known, or
    /// is no longer ours.
    pub(super) fn run(&mut self) -> Result<(), String> {
        let mut patience = SYNC_EVERY;
        let mut synced = Instant::now();
        loop {
            match self.queue.take(patience) {
                Taken::Group(group) => {
                    self.note_keep();
                    self.commit_group(group)?;
                    patience = TRIM_PAUSE;
                }
                Taken::Idle => {
                    self.note_keep();
                    self.check_place()?;
                    self.engine.healthy()?;
                    patience = if self.trim_idle()? {
                        TRIM_PAUSE
                    } else {
                        SYNC_EVERY
                    };
                }
                Taken::Closed => break,
            }
            if synced.elapsed() >= SYNC_EVERY {
                self.sync_mark()?;
                synced = Instant::now();
            }
        }
        self.sync_mark()
    }

    fn commit_group(&mut self, group: Vec<Request>) -> Result<(), String> {
        let bytes = group.iter().map(Request::bytes).sum::<u64>();
        if let Some(why) = self.refuse(bytes)? {
            let why = format!("no space left: {why}");
            for (_, reply) in group.into_iter().map(Request::split) {
                reply.send(Err(CommitError::Full(why.clone())));
            }
            return Ok(());
        }
        let mut outcomes = Vec::with_capacity(group.len());
        let mut commits = Vec::with_capacity(group.len());
        let mut waiting = Vec::with_capacity(group.len());
        for (proposal, reply) in group.into_iter().map(Request::split) {
            let outcome = self.sequencer.accept(proposal).map(Arc::new);
            commits.extend(outcome.iter().map(Arc::clone));
            outcomes.push(outcome);
            waiting.push(reply);
        }
        if let Err(why) = self.make_durable(&commits) {
            for reply in waiting {
                reply.send(Err(CommitError::Unknown(why.clone())));
            }
            return Err(why);
        }
        if !commits.is_empty() {
            self.feed.deliver(commits);
        }
        // Refusals wait for the delivery too: the view has then passed the commit that refused them.
        for (reply, outcome) in waiting.into_iter().zip(outcomes) {
            reply.send(outcome);
        }
        Ok(())
    }

    /// Everything that must be true before anyone hears of these commits.
    fn make_durable(&mut self, commits: &[Arc<Commit>]) -> Result<(), String> {
        let Some(last) = commits.last() else {
            return Ok(());
        };
        let mut batch = Batch::default();
        for commit in commits {
            self.add(commit, &mut batch)?;
        }
        let changes = batch.put.len();
        self.add_trim(64 + 2 * changes, &mut batch)?;
        self.engine
            .write(batch)
            .map_err(|e| format!("writing to {}: {e}", self.place.root().display()))?;
        // After the sync: what was written into a directory that is no longer there is not told to anyone.
        self.check_place()?;
        self.mark
            .write(last.revision)
            .map_err(|e| format!("writing {}: {e}", self.place.mark().display()))
    }

    fn add(&mut self, commit: &Commit, batch: &mut Batch) -> Result<(), String> {
        for (sub, change) in (0_u32..).zip(&commit.changes) {
            let before = change.before.as_ref().map(|entry| entry.modified);
            let now = change.now.as_ref().map(|entry| entry.modified);
            self.state.apply(&change.key, before, now);
            self.retention.note(&Happened {
                key: Some(&change.key),
                at: Revision::new(commit.revision, sub),
                before,
                put: now.is_some(),
            });
        }
        if commit.changes.is_empty() {
            self.retention.note(&Happened {
                key: None,
                at: Revision::new(commit.revision, 0),
                before: None,
                put: false,
            });
        }
        let rows = record::rows(self.seal, commit, self.state)
            .map_err(|e| format!("encoding commit {}: {e}", commit.revision))?;
        batch.put.extend(rows);
        Ok(())
    }

    /// Adds the next step of forgetting: records and floors change in one batch, so a start finds both or neither.
    fn add_trim(&mut self, most: usize, batch: &mut Batch) -> Result<bool, String> {
        let Some(trim) = self.retention.next(most) else {
            return Ok(false);
        };
        self.about.history_floor = trim.history_floor;
        self.about.deletions_floor = trim.deletions_floor;
        let row = record::about_row(self.seal, &self.about).map_err(|e| e.to_string())?;
        batch.put.push(row);
        batch.remove = trim.remove;
        Ok(true)
    }

    fn trim_idle(&mut self) -> Result<bool, String> {
        if self.refuse(0)?.is_some() {
            return Ok(false);
        }
        let mut batch = Batch::default();
        if !self.add_trim(IDLE_TRIM, &mut batch)? {
            return Ok(false);
        }
        self.engine
            .write(batch)
            .map_err(|e| format!("writing to {}: {e}", self.place.root().display()))?;
        Ok(true)
    }

    fn refuse(&mut self, bytes: u64) -> Result<Option<String>, String> {
        let compaction = self.engine.table_bytes();
        self.room
            .refuse(bytes, compaction)
            .map_err(|e| format!("examining {}: {e}", self.place.root().display()))
    }

    fn check_place(&self) -> Result<(), String> {
        if self.place.still_ours(&self.mark) {
            return Ok(());
        }
        Err(format!(
            "{} was moved, removed or replaced while in use",
            self.place.root().display()
        ))
    }

    fn sync_mark(&mut self) -> Result<(), String> {
        self.mark
            .sync()
            .map_err(|e| format!("syncing {}: {e}", self.place.mark().display()))
    }

    fn note_keep(&mut self) {
        if let Some(keep) = self.queue.take_keep() {
            self.retention.want(keep);
        }
    }
}

#[cfg(test)]
mod tests;
