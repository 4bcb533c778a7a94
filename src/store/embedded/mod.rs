//! The default store: records on this machine's disk, durable by fsync, written in groups.
//!
//! A commit is told to nobody before its records are synced: the writer thread (`writer`) takes what waits (`queue`),
//! checks guards, writes one batch and syncs it, delivers, then answers. A record a change (`record`), in the order of
//! revisions, is all there is: the live entries are the records that no later one made obsolete (`retention`), and a
//! start reads them all (`load`). Files that do not fit together are refused, never guessed at (`survey`).

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use self::commit_queue::Queue;
use self::data_dir::DataDir;
use self::free_space::FreeSpace;
use self::record::About;
use self::recovery::Files;
use self::writer::Writer;
use super::sequencer::Sequencer;
use super::{
    BoxFuture, CommitError, CommitSink, Limits, RetentionFloors, Store, StoreContents, StoreError,
};
use crate::model::{Commit, Proposal, Target};

mod commit_queue;
mod data_dir;
mod engine;
mod filesystem;
mod free_space;
mod high_water_mark;
mod journal;
mod load;
mod offline;
mod precheck;
mod record;
mod recovery;
mod retention;
mod writer;

pub use data_dir::IN_USE;
pub use free_space::DEFAULT_RESERVE_BYTES;
pub use offline::{Report, backup, check, entries};

/// What the store takes; the same everywhere, so that a keyspace can be moved.
const LIMITS: Limits = Limits {
    value_bytes: 2 << 20,
    key_bytes: 4096,
    writes: 1 << 20,
    commit_bytes: 1 << 30,
};

/// Called once, with one line, when the process must end: a sync failed, so that it is not known what is on disk, or
/// the directory is no longer there. A binary logs it and exits, not 0.
pub type OnFatal = Arc<dyn Fn(String) + Send + Sync>;

/// How to open an [`EmbeddedStore`].
#[derive(Clone)]
pub struct EmbeddedOptions {
    /// The directory; it is made if it is missing.
    pub path: PathBuf,
    /// Free bytes on the disk below which writes are refused; what a compaction may need comes on top.
    pub reserve_bytes: u64,
    /// What to do when the process must end.
    pub on_fatal: OnFatal,
}

impl EmbeddedOptions {
    /// The usual ones.
    pub fn new(path: impl Into<PathBuf>, on_fatal: OnFatal) -> Self {
        Self {
            path: path.into(),
            reserve_bytes: DEFAULT_RESERVE_BYTES,
            on_fatal,
        }
    }
}

impl fmt::Debug for EmbeddedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedOptions")
            .field("path", &self.path)
            .field("reserve_bytes", &self.reserve_bytes)
            .finish_non_exhaustive()
    }
}

/// Entries in a directory on this machine, for one process at a time.
#[derive(Debug)]
pub struct EmbeddedStore {
    options: EmbeddedOptions,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    queue: Arc<Queue>,
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

impl Drop for Running {
    /// Lets the writer end by itself. [`Store::close`] waits for it, and so for the directory's lock.
    fn drop(&mut self) {
        self.queue.close("the store is closed");
    }
}

impl Store for EmbeddedStore {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn open(&self, feed: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        Box::pin(async move {
            if self.running.lock().is_some() {
                return Err(StoreError("the store is open already".to_owned()));
            }
            let options = self.options.clone();
            let path = options.path.display().to_string();
            let opening = tokio::task::spawn_blocking(move || open_now(&options, feed));
            let (opened, running) = opening.await.map_err(|_| {
                StoreError(format!("{path} is damaged: its files could not be read"))
            })??;
            *self.running.lock() = Some(running);
            Ok(opened)
        })
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        Box::pin(async move {
            let bytes = measure(&proposal)?;
            let queue = self
                .running
                .lock()
                .as_ref()
                .map(|running| Arc::clone(&running.queue))
                .ok_or_else(|| CommitError::Unavailable("the store is closed".to_owned()))?;
            let outcome = queue.submit(proposal, bytes).await?;
            outcome.await.unwrap_or_else(|_| {
                Err(CommitError::Unknown("the store's writer ended".to_owned()))
            })
        })
    }

    fn trim(&self, keep: RetentionFloors) {
        if let Some(running) = &*self.running.lock() {
            running.queue.trim(keep);
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(mut running) = self.running.lock().take() else {
                return;
            };
            running.queue.close("the store is closed");
            if let Some(thread) = running.thread.take() {
                let joining = tokio::task::spawn_blocking(move || thread.join());
                if let Err(e) = joining.await {
                    tracing::error!("closing the store: {e}");
                }
            }
        })
    }
}

/// What a write may take beside its key and value, in bytes: its attributes, and its place in the journal.
const WRITE_OVERHEAD: usize = 512;

/// About how many bytes a proposal takes in the journal, if it is within the limits.
fn measure(proposal: &Proposal) -> Result<usize, CommitError> {
    let over = |what: &str, most: usize| {
        let line = format!("the store takes {what} of at most {most}");
        Err(CommitError::TooLarge(line))
    };
    let mut bytes = 0_usize;
    for write in &proposal.writes {
        let (Target::Key(key) | Target::InOrder(key)) = &write.target;
        let value = write.put.as_ref().map_or(0, |record| record.value.len());
        let longest = LIMITS.longest_key(key.realm());
        if key.as_bytes().len() > longest {
            return over("keys", longest);
        }
        if value > LIMITS.value_bytes {
            return over("values", LIMITS.value_bytes);
        }
        bytes += key.as_bytes().len() + value;
    }
    if proposal.writes.len() > LIMITS.writes {
        return over("numbers of writes", LIMITS.writes);
    }
    if bytes > LIMITS.commit_bytes {
        return over("commits", LIMITS.commit_bytes);
    }
    Ok(bytes + proposal.writes.len() * WRITE_OVERHEAD)
}

fn open_now(
    options: &EmbeddedOptions,
    feed: Arc<dyn CommitSink>,
) -> Result<(StoreContents, Running), StoreError> {
    let place = DataDir::take(&options.path)?;
    if !place.has_store() {
        place.make_empty_store()?;
        // An empty directory can also be a disk that was not mounted: say so.
        tracing::warn!(directory = %place.root().display(), "no store was there; a new, empty one was made");
    }
    let Files {
        place,
        mut mark,
        table,
        seal,
        loaded,
        cut: _,
    } = recovery::read(place)?.sound()?;
    let opened = loaded.opened;
    tracing::info!(
        directory = %place.root().display(),
        revision = opened.revision,
        entries = opened.entries.len(),
        records = loaded.records,
        "store read"
    );
    // Readers are about to be shown this revision.
    mark.write(opened.revision)
        .and_then(|()| mark.sync())
        .map_err(|e| data_dir::failed("writing", &place.mark(), &e))?;
    let queue = Arc::new(Queue::new());
    let writer = Writer {
        queue: Arc::clone(&queue),
        engine: table,
        feed,
        seal,
        sequencer: Sequencer::new(opened.revision, &opened.entries),
        about: About {
            identity: opened.identity,
            history_floor: opened.history_floor,
            deletions_floor: opened.deletions_floor,
        },
        state: loaded.state,
        retention: loaded.retention,
        room: FreeSpace::new(&place.store(), options.reserve_bytes),
        mark,
        place,
    };
    let on_fatal = Arc::clone(&options.on_fatal);
    let thread = std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || write_until_closed(writer, &on_fatal))
        .map_err(|e| StoreError(format!("starting the store's writer: {e}")))?;
    let thread = Some(thread);
    Ok((opened, Running { queue, thread }))
}

fn write_until_closed<E: engine::Engine>(mut writer: Writer<E>, on_fatal: &OnFatal) {
    let queue = Arc::clone(&writer.queue);
    // A panic below is a failed write as well: what is on disk is not known.
    let ended = catch_unwind(AssertUnwindSafe(|| writer.run()))
        .unwrap_or_else(|_| Err("the store's writer panicked".to_owned()));
    if let Err(why) = ended {
        queue.fail(&why);
        tracing::error!("the store failed and the process must end: {why}");
        on_fatal(why);
    }
}
