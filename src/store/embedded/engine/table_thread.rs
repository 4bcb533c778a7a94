//! `TableThread`: moves full journals to the table, and makes the next journal ready, while the writer goes on.
//!
//! fjall holds a lock of its table while it syncs the list of table files, 12 to 31 ms on a busy disk. The writer never
//! touches the table, so that nobody waits for that.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use super::fjall_table::FjallTable;
use super::journal_rows::JournalRows;
use crate::store::embedded::journal;

/// The journals that wait for this thread, besides the one that it moves. With one more the writer waits.
const WAITING: usize = 1;

/// The table files that may wait for a compaction before no more are added.
const MOST_UNSORTED: usize = 24;

/// The pause between two looks at what a compaction has left.
const PAUSE: Duration = Duration::from_millis(10);

/// The interval of looking at the table while there is nothing to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Work for the thread.
#[derive(Debug)]
enum TableWork {
    /// To move the rows of a journal, and to remove its file.
    Ingest(JournalRows, PathBuf),
    /// To make a file ready for the next journal.
    Prepare(PathBuf),
}

/// The file of the next journal.
#[derive(Debug, Default)]
enum NextFile {
    /// Nobody asked for one.
    #[default]
    Missing,
    /// The thread makes one. Nobody asks for another meanwhile, which would have the same name.
    Asked,
    /// It is there.
    Ready(File),
}

/// What the thread says about itself.
#[derive(Debug, Default)]
struct TableState {
    bytes: AtomicU64,
    failure: Mutex<Option<String>>,
    next: Mutex<NextFile>,
}

/// The thread, which ends when this is dropped, after what it was asked for.
#[derive(Debug)]
pub(super) struct TableThread {
    work: Option<SyncSender<TableWork>>,
    state: Arc<TableState>,
    thread: Option<JoinHandle<()>>,
}

impl TableThread {
    /// Starts the thread.
    pub(super) fn start(table: FjallTable) -> io::Result<Self> {
        let (work, asked) = sync_channel(WAITING);
        let state = Arc::new(TableState::default());
        state.bytes.store(table.bytes(), Ordering::Relaxed);
        let own = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name("store-table".to_owned())
            .spawn(move || {
                if let Err(why) = run(&table, &asked, &own) {
                    *own.failure.lock() = Some(why);
                }
            })?;
        Ok(Self {
            work: Some(work),
            state,
            thread: Some(thread),
        })
    }

    /// Moves the rows of a journal to the table, and then removes its file. Waits while the thread is behind.
    pub(super) fn ingest(&self, rows: JournalRows, journal: PathBuf) -> Result<(), String> {
        let sent = self
            .work
            .as_ref()
            .is_some_and(|work| work.send(TableWork::Ingest(rows, journal)).is_ok());
        if sent { Ok(()) } else { Err(self.failure()) }
    }

    /// Makes a file ready for the next journal, where there is none and the thread has time for that.
    pub(super) fn prepare(&self, path: impl FnOnce() -> PathBuf) {
        let mut next = self.state.next.lock();
        if let (NextFile::Missing, Some(work)) = (&*next, &self.work)
            && work.try_send(TableWork::Prepare(path())).is_ok()
        {
            *next = NextFile::Asked;
        }
    }

    /// The file that is ready for the next journal. The caller renames it before it asks for another.
    pub(super) fn take_prepared(&self) -> Option<File> {
        let mut next = self.state.next.lock();
        match std::mem::take(&mut *next) {
            NextFile::Ready(file) => Some(file),
            NextFile::Missing => None,
            NextFile::Asked => {
                *next = NextFile::Asked;
                None
            }
        }
    }

    /// An error if the thread has failed.
    pub(super) fn healthy(&self) -> Result<(), String> {
        match &self.thread {
            Some(thread) if !thread.is_finished() => Ok(()),
            Some(_) | None => Err(self.failure()),
        }
    }

    /// The bytes of table files when the thread looked last.
    pub(super) fn table_bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::Relaxed)
    }

    /// Waits until everything that was asked for is done.
    pub(super) fn finish(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // A panic has left no work done; the next start does it.
            let _ended = thread.join();
        }
    }

    fn failure(&self) -> String {
        let failure = self.state.failure.lock().clone();
        let why = failure.unwrap_or_else(|| "its thread ended".to_owned());
        format!("background work on the table files failed: {why}")
    }
}

impl Drop for TableThread {
    fn drop(&mut self) {
        self.finish();
    }
}

fn run(table: &FjallTable, asked: &Receiver<TableWork>, state: &TableState) -> Result<(), String> {
    loop {
        match asked.recv_timeout(LOOK_EVERY) {
            Ok(TableWork::Ingest(rows, journal)) => {
                while table.unsorted_tables() >= MOST_UNSORTED {
                    table.healthy()?;
                    std::thread::sleep(PAUSE);
                }
                let (rows, lists) = rows.made()?;
                table.ingest(rows)?;
                remove(&journal).map_err(|e| format!("removing {}: {e}", journal.display()))?;
                remove_lists(&lists)?;
            }
            Ok(TableWork::Prepare(path)) => {
                // Without a file that is ready the writer makes one.
                let made = journal::prepare(&path).map_or(NextFile::Missing, NextFile::Ready);
                *state.next.lock() = made;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        table.healthy()?;
        state.bytes.store(table.bytes(), Ordering::Relaxed);
    }
}

/// Removes a journal. The removals of several become durable in their order: a later journal has the removals of rows that
/// an earlier one put.
pub(super) fn remove(journal: &Path) -> io::Result<()> {
    fs::remove_file(journal)?;
    match journal.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// Removes lists, when no journal names them any more.
pub(super) fn remove_lists(lists: &[PathBuf]) -> Result<(), String> {
    for list in lists {
        fs::remove_file(list).map_err(|e| format!("removing {}: {e}", list.display()))?;
    }
    Ok(())
}
