//! The commit queue: proposals that wait for the writer, bounded in number and bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::model::{Commit, Proposal};
use crate::store::{CommitError, RetentionFloors};

/// The outcome of a proposal.
pub(super) type CommitOutcome = Result<Arc<Commit>, CommitError>;

/// The bytes that one permit stands for.
const PERMIT_BYTES: usize = 1024;

/// The bound on proposals that wait or are in flight: 64 MiB, and as many proposals as there are permits.
const PERMITS: u32 = 65_536;

/// The most proposals in one group.
const GROUP_COUNT: usize = 1024;

/// The bytes after which a group takes no more proposals.
const GROUP_BYTES: usize = 8 << 20;

/// A proposal, and the reply to its caller.
#[derive(Debug)]
pub(super) struct QueuedCommit {
    proposal: Proposal,
    bytes: usize,
    reply: PendingReply,
}

impl QueuedCommit {
    /// About how many bytes the proposal takes in the journal.
    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.bytes).unwrap_or(u64::MAX)
    }

    /// The proposal, and the reply to its caller.
    pub(super) fn split(self) -> (Proposal, PendingReply) {
        (self.proposal, self.reply)
    }
}

/// The caller that waits for an outcome.
#[derive(Debug)]
pub(super) struct PendingReply {
    answer: oneshot::Sender<CommitOutcome>,
    /// Held until the answer: proposals in flight count too.
    _permit: OwnedSemaphorePermit,
}

impl PendingReply {
    /// Sends the outcome. The caller may have gone.
    pub(super) fn send(self, outcome: CommitOutcome) {
        drop(self.answer.send(outcome));
    }
}

/// The writer's next work.
#[derive(Debug)]
pub(super) enum NextWork {
    /// Proposals to commit, in order.
    Group(Vec<QueuedCommit>),
    /// No proposal came in time.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

#[derive(Debug, Default)]
struct QueueState {
    requests: VecDeque<QueuedCommit>,
    floors: Option<RetentionFloors>,
    /// Why the queue is closed.
    closed: Option<String>,
}

/// The queue between the store's callers and its writer.
#[derive(Debug)]
pub(super) struct CommitQueue {
    state: Mutex<QueueState>,
    wake: Condvar,
    permits: Arc<Semaphore>,
}

impl CommitQueue {
    /// An empty queue.
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            permits: Arc::new(Semaphore::new(
                usize::try_from(PERMITS).unwrap_or(usize::MAX),
            )),
        }
    }

    /// Adds a proposal, once there are enough permits, and returns the receiver of its outcome.
    pub(super) async fn submit(
        &self,
        proposal: Proposal,
        bytes: usize,
    ) -> Result<oneshot::Receiver<CommitOutcome>, CommitError> {
        let closed = || CommitError::Unavailable("the store is closed".to_owned());
        let permits = u32::try_from(1 + bytes / PERMIT_BYTES)
            .unwrap_or(PERMITS)
            .min(PERMITS);
        let permit = Arc::clone(&self.permits)
            .acquire_many_owned(permits)
            .await
            .map_err(|_| closed())?;
        let (answer, outcome) = oneshot::channel();
        let mut state = self.state.lock();
        if let Some(why) = &state.closed {
            return Err(CommitError::Unavailable(why.clone()));
        }
        state.requests.push_back(QueuedCommit {
            proposal,
            bytes,
            reply: PendingReply {
                answer,
                _permit: permit,
            },
        });
        if state.requests.len() == 1 {
            self.wake.notify_one();
        }
        Ok(outcome)
    }

    /// Sets the floors that history may be trimmed to. The writer trims with its next group, or when it is idle.
    pub(super) fn set_retention_floors(&self, floors: RetentionFloors) {
        self.state.lock().floors = Some(floors);
    }

    /// Closes the queue. Proposals that wait are still committed.
    pub(super) fn close(&self, why: &str) {
        let mut state = self.state.lock();
        state.closed.get_or_insert_with(|| why.to_owned());
        self.wake.notify_one();
    }

    /// Closes the queue and refuses the proposals that wait.
    pub(super) fn fail(&self, why: &str) {
        let mut state = self.state.lock();
        state.closed = Some(why.to_owned());
        for request in state.requests.drain(..) {
            request
                .reply
                .send(Err(CommitError::Unavailable(why.to_owned())));
        }
    }

    /// Takes a group of the proposals that wait, or waits up to `patience` for one.
    pub(super) fn next_work(&self, patience: Duration) -> NextWork {
        let mut state = self.state.lock();
        if state.requests.is_empty() && state.closed.is_none() {
            self.wake.wait_for(&mut state, patience);
        }
        if state.requests.is_empty() {
            return match state.closed {
                Some(_) => NextWork::Closed,
                None => NextWork::Idle,
            };
        }
        let mut group = Vec::with_capacity(state.requests.len().min(GROUP_COUNT));
        let mut bytes = 0;
        while group.len() < GROUP_COUNT && bytes < GROUP_BYTES {
            let Some(request) = state.requests.pop_front() else {
                break;
            };
            bytes += request.bytes;
            group.push(request);
        }
        NextWork::Group(group)
    }

    /// The retention floors, if they were set since the last call.
    pub(super) fn take_retention_floors(&self) -> Option<RetentionFloors> {
        self.state.lock().floors.take()
    }
}
