//! The embedded store, the default: records on a local disk, made durable by fsync, written in groups.
//!
//! No commit is delivered or acknowledged before its records are synced: the writer thread (`writer`) takes a group of
//! waiting proposals (`commit_queue`), checks their preconditions, writes one batch to the journal and syncs it (`engine`,
//! `journal`), delivers the commits, then answers. The table holds one record for each change (`record`), in the order of revisions: the live entries are
//! the records that no later one made obsolete (`retention`), and a start reads them all (`recovery`, `load`). Files that
//! do not fit together are refused, never guessed at (`precheck`, `journal`).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use self::commit_queue::CommitQueue;
use self::data_dir::DataDir;
use self::free_space::FreeSpace;
use self::io_error::io_error;
use self::limits::{LIMITS, measure};
use self::recovery::{RecoveredStore, recover};
use self::wide::WideThread;
use self::wide::deletion::{WIDE_WRITES, is_wide};
use self::writer::Writer;
use super::sequencer::Sequencer;
use super::{
    BoxFuture, CommitError, CommitOrder, CommitSink, DirectoryChanges, Limits, RetentionFloors,
    Store, StoreContents, StoreError,
};
use crate::model::{Commit, Proposal};

mod commit_queue;
mod data_dir;
mod directory_checkpoint;
mod engine;
mod filesystem;
mod free_space;
mod high_water_mark;
mod io_error;
mod journal;
mod limits;
mod load;
mod offline;
mod options;
mod own_file;
mod precheck;
mod record;
mod recovery;
mod retention;
mod wide;
mod write_batch;
mod writer;

pub use data_dir::IN_USE;
pub use free_space::DEFAULT_RESERVE_BYTES;
pub use offline::{StoreReport, backup, check, entries};
pub use options::{EmbeddedOptions, OnFatal};

/// Entries in a directory on this machine, for one process at a time.
#[derive(Debug)]
pub struct EmbeddedStore {
    options: EmbeddedOptions,
    running: Mutex<Option<RunningWriter>>,
}

#[derive(Debug)]
struct RunningWriter {
    queue: Arc<CommitQueue>,
    wide: Arc<WideThread>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedStore {
    /// A store that is not open yet; nothing is touched before [`Store::open`].
    pub fn new(options: EmbeddedOptions) -> Self {
        Self {
            options,
            running: Mutex::new(None),
        }
    }
}

impl Drop for RunningWriter {
    /// Makes the writer end. Only [`Store::close`] waits for that, and so for the release of the directory's lock.
    fn drop(&mut self) {
        self.queue.close("the store is closed");
    }
}

impl Store for EmbeddedStore {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn open(&self, sink: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        Box::pin(async move {
            if self.running.lock().is_some() {
                return Err(StoreError("the store is open already".to_owned()));
            }
            let options = self.options.clone();
            let path = options.path.display().to_string();
            let opening = tokio::task::spawn_blocking(move || start(&options, sink));
            let (contents, running) = opening.await.map_err(|_| {
                StoreError(format!("{path} is damaged: its files could not be read"))
            })??;
            *self.running.lock() = Some(running);
            Ok(contents)
        })
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        Box::pin(async move {
            let is_long = proposal.writes.len() >= WIDE_WRITES;
            let (proposal, bytes, is_wide) = if is_long {
                weigh_elsewhere(proposal).await?
            } else {
                let bytes = measure(&proposal)?;
                (proposal, bytes, false)
            };
            let closed = || CommitError::Unavailable("the store is closed".to_owned());
            let running = self.running.lock().as_ref().map(|running| {
                let queue = Arc::clone(&running.queue);
                (queue, Arc::clone(&running.wide))
            });
            let (queue, wide) = running.ok_or_else(closed)?;
            let outcome = if is_wide {
                let room = wide.room(bytes).await?;
                wide.commit(proposal, room)
            } else {
                queue.submit(proposal, bytes).await?
            };
            let ended = || CommitError::Unknown("the store's writer ended".to_owned());
            outcome.await.map_err(|_| ended())??.ok_or_else(ended)
        })
    }

    fn prepares(&self, proposal: &Proposal) -> bool {
        proposal.writes.len() >= WIDE_WRITES
    }

    fn order(&self) -> Option<Arc<dyn CommitOrder>> {
        let running = self.running.lock();
        let queue = Arc::clone(&running.as_ref()?.queue);
        Some(queue)
    }

    fn keep_directories(&self, changes: DirectoryChanges) {
        if let Some(running) = &*self.running.lock() {
            running.queue.keep_directories(changes);
        }
    }

    fn trim(&self, floors: RetentionFloors) {
        if let Some(running) = &*self.running.lock() {
            running.queue.set_retention_floors(floors);
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(mut running) = self.running.lock().take() else {
                return;
            };
            running.queue.close("the store is closed");
            let wide = Arc::clone(&running.wide);
            if let Some(thread) = running.thread.take() {
                let joining = tokio::task::spawn_blocking(move || {
                    wide.close();
                    thread.join()
                });
                if let Err(e) = joining.await {
                    tracing::error!("closing the store failed: {e}");
                }
            }
        })
    }
}

/// Weighs a proposal of many writes, without keeping a worker of the runtime from its other tasks; with whether it is a wide
/// deletion.
async fn weigh_elsewhere(proposal: Proposal) -> Result<(Proposal, usize, bool), CommitError> {
    let weighing = tokio::task::spawn_blocking(move || {
        let bytes = measure(&proposal)?;
        let prepares = is_wide(&proposal);
        Ok((proposal, bytes, prepares))
    });
    let ended = |_| CommitError::Unavailable("the gateway is ending".to_owned());
    weighing.await.map_err(ended)?
}

/// Recovers or creates the store, and starts its writer.
fn start(
    options: &EmbeddedOptions,
    sink: Arc<dyn CommitSink>,
) -> Result<(StoreContents, RunningWriter), StoreError> {
    let data_dir = DataDir::lock(&options.path)?;
    if !data_dir.has_store() {
        data_dir.create_empty_store()?;
        // An empty directory can also be a disk that was not mounted: warn.
        tracing::warn!(
            directory = %data_dir.root().display(),
            "no store was found; an empty one was created (if you expected data, check that the disk is mounted)"
        );
    }
    let mut recovered = recover(data_dir)?.require_sound()?;
    recovered.upgrade()?;
    let RecoveredStore {
        data_dir,
        format: _,
        mut high_water_mark,
        table,
        seal,
        loaded,
        directories,
        cut_bytes: _,
    } = recovered;
    let metadata = loaded.metadata();
    let contents = loaded.contents;
    tracing::info!(
        directory = %data_dir.root().display(),
        revision = contents.revision,
        entries = contents.entries.len(),
        records = loaded.records,
        "store opened"
    );
    // Reads are about to return this revision.
    high_water_mark
        .write(contents.revision)
        .and_then(|()| high_water_mark.sync())
        .map_err(|e| io_error("writing", data_dir.high_water_mark(), &e))?;
    let queue = Arc::new(CommitQueue::new(contents.revision));
    let wide = WideThread::start(&queue, &sink, data_dir.journals(), seal)?;
    let writer = Writer {
        queue: Arc::clone(&queue),
        engine: table,
        sink,
        seal,
        sequencer: Sequencer::new(contents.revision, &contents.entries),
        metadata,
        digest: loaded.digest,
        retention: loaded.retention,
        free_space: FreeSpace::new(&data_dir.store(), options.reserve_bytes),
        high_water_mark,
        directories,
        ahead: VecDeque::new(),
        unkept: None,
        data_dir,
        short: false,
    };
    let thread = start_writer(writer, Arc::clone(&options.on_fatal))?;
    let running = RunningWriter {
        queue,
        wide: Arc::new(wide),
        thread: Some(thread),
    };
    Ok((contents, running))
}

/// Starts the writer's thread.
fn start_writer<E: engine::Engine + 'static>(
    writer: Writer<E>,
    on_fatal: OnFatal,
) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || write_until_closed(writer, &on_fatal))
        .map_err(|e| StoreError(format!("starting the store's writer: {e}")))
}

/// The writer's thread; calls `on_fatal` if the writer fails.
fn write_until_closed<E: engine::Engine>(mut writer: Writer<E>, on_fatal: &OnFatal) {
    let queue = Arc::clone(&writer.queue);
    // A panic in the engine is a failed write as well: the contents of the disk are unknown.
    let ended = catch_unwind(AssertUnwindSafe(|| writer.run()))
        .unwrap_or_else(|_| Err("the store's writer panicked".to_owned()));
    if let Err(why) = ended {
        queue.fail(&why);
        tracing::error!("the store failed; this process ends and must be restarted: {why}");
        on_fatal(why);
    }
}
