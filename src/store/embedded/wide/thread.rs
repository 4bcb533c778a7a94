//! `WideThread`: prepares wide deletions, one after another, while the writer goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use super::ahead::AheadDeletion;
use super::deletion::{WideDeletion, list_of, space_of};
use crate::model::{Commit, Proposal};
use crate::store::embedded::commit_queue::{CommitQueue, PERMITS, permits_for};
use crate::store::embedded::journal::ListFile;
use crate::store::embedded::record::Seal;
use crate::store::embedded::retention::AheadNumber;
use crate::store::sequencer::number;
use crate::store::{AcceptedOutcome, CommitError, CommitSink, QueueRoom, StoreError};

/// The niceness of the thread: the kernel prefers the writer and the runtime's workers to it.
const NICENESS: i32 = 10;

/// A deletion that is to be prepared and made.
#[derive(Debug)]
struct WideWork {
    proposal: Proposal,
    room: QueueRoom,
    answer: oneshot::Sender<AcceptedOutcome>,
}

/// The thread, which ends when this is closed, after what it was asked for.
#[derive(Debug)]
pub(in crate::store::embedded) struct WideThread {
    work: Mutex<Option<Sender<WideWork>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The bound on deletions that wait or are prepared. It is apart from that of the commit queue: one that takes all of it for as
    /// long as it is prepared keeps nobody out but its like.
    permits: Arc<Semaphore>,
}

/// What the thread works with.
struct WideWorker {
    queue: Arc<CommitQueue>,
    sink: Arc<dyn CommitSink>,
    /// The directory of the journals, where lists are written.
    directory: PathBuf,
    seal: Seal,
    last: u64,
}

impl WideThread {
    /// Starts the thread.
    pub(in crate::store::embedded) fn start(
        queue: &Arc<CommitQueue>,
        sink: &Arc<dyn CommitSink>,
        directory: PathBuf,
        seal: Seal,
    ) -> Result<Self, StoreError> {
        let (work, asked) = channel();
        let worker = WideWorker {
            queue: Arc::clone(queue),
            sink: Arc::clone(sink),
            directory,
            seal,
            last: 0,
        };
        let thread = std::thread::Builder::new()
            .name("store-wide".to_owned())
            .spawn(move || run(worker, &asked))
            .map_err(|e| StoreError(format!("starting the thread of wide deletions: {e}")))?;
        Ok(Self {
            work: Mutex::new(Some(work)),
            thread: Mutex::new(Some(thread)),
            permits: Arc::new(Semaphore::new(
                usize::try_from(PERMITS).unwrap_or(usize::MAX),
            )),
        })
    }

    /// Waits until there is room for a deletion of so many bytes.
    pub(in crate::store::embedded) async fn room(
        &self,
        bytes: usize,
    ) -> Result<QueueRoom, CommitError> {
        let permits = Arc::clone(&self.permits).acquire_many_owned(permits_for(bytes));
        let closed = |_| CommitError::Unavailable("the store is closed".to_owned());
        permits.await.map(QueueRoom).map_err(closed)
    }

    /// Prepares a deletion and makes it, after those before it.
    pub(in crate::store::embedded) fn commit(
        &self,
        proposal: Proposal,
        room: QueueRoom,
    ) -> oneshot::Receiver<AcceptedOutcome> {
        let (answer, outcome) = oneshot::channel();
        let work = WideWork {
            proposal,
            room,
            answer,
        };
        if let Some(own) = &*self.work.lock() {
            // Without a thread the sender of the answer is gone: the store is closed.
            drop(own.send(work));
        }
        outcome
    }

    /// Waits until what was asked for is done.
    pub(in crate::store::embedded) fn close(&self) {
        self.permits.close();
        *self.work.lock() = None;
        if let Some(thread) = self.thread.lock().take() {
            // A panic has left no deletion made but what was submitted.
            let _ended = thread.join();
        }
    }
}

fn run(mut worker: WideWorker, asked: &Receiver<WideWork>) {
    let own = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(own), NICENESS) {
        tracing::debug!(%error, "cannot lower the priority of a thread for wide deletions");
    }
    while let Ok(work) = asked.recv() {
        let outcome = worker.make(work.proposal, work.room);
        // The caller may have gone.
        drop(work.answer.send(outcome));
    }
}

impl WideWorker {
    fn make(&mut self, proposal: Proposal, room: QueueRoom) -> AcceptedOutcome {
        // The revision is that of its turn.
        let commit = Arc::new(number(proposal, 0));
        let not_wide = || CommitError::TooLarge("a key is too long for a list".to_owned());
        let list = list_of(&commit).ok_or_else(not_wide)?;
        let file = ListFile::write(&self.directory, self.seal, &list.bytes);
        let file = file.map_err(|e| {
            let directory = self.directory.display();
            CommitError::Full(format!("writing to {directory}: {e}"))
        })?;
        drop(list.bytes);
        let space = space_of(&commit, &list.unlisted);
        self.last += 1;
        let number = AheadNumber(self.last);
        self.take_ahead(number, &commit)?;
        let prepared = self.sink.prepare_wide(&commit);
        let deletion = WideDeletion {
            number,
            commit,
            gone: list.gone,
            obsolete: list.obsolete,
            unlisted: list.unlisted,
            space,
            list: file,
            prepared,
        };
        // The next one is prepared on what this one leaves.
        let outcome = self.queue.submit_wide(Box::new(deletion), room)?;
        let ended = |_| CommitError::Unknown("the store's writer ended".to_owned());
        outcome.blocking_recv().map_err(ended)?
    }

    /// Waits until the writer has taken all changes.
    fn take_ahead(&self, number: AheadNumber, commit: &Arc<Commit>) -> Result<(), CommitError> {
        let (done, taken) = oneshot::channel();
        self.queue.take_ahead(AheadDeletion {
            number,
            commit: Arc::clone(commit),
            taken: 0,
            done,
        });
        let closed = |_| CommitError::Unavailable("the store is closed".to_owned());
        taken.blocking_recv().map_err(closed)?
    }
}
