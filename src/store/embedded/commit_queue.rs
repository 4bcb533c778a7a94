//! Proposals waiting for the writer, bounded in number and in bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::model::{Commit, Proposal};
use crate::store::{CommitError, RetentionFloors};

/// What comes of a proposal.
pub(super) type Outcome = Result<Arc<Commit>, CommitError>;

/// Bytes that one permit stands for.
const PERMIT_BYTES: usize = 1024;

/// What may wait and be under way at once: 64 MiB, or as many proposals as there are permits.
const PERMITS: u32 = 65_536;

/// The most proposals taken at once.
const GROUP_COUNT: usize = 1024;

/// The bytes after which no more proposals are taken at once.
const GROUP_BYTES: usize = 8 << 20;

/// A proposal and who waits for its outcome.
#[derive(Debug)]
pub(super) struct Request {
    proposal: Proposal,
    bytes: usize,
    reply: Reply,
}

impl Request {
    /// How much it takes in the journal, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.bytes).unwrap_or(u64::MAX)
    }

    /// The proposal, and who waits.
    pub(super) fn split(self) -> (Proposal, Reply) {
        (self.proposal, self.reply)
    }
}

/// Who waits for an outcome.
#[derive(Debug)]
pub(super) struct Reply {
    answer: oneshot::Sender<Outcome>,
    /// Held until the answer: what is under way counts too.
    _permit: OwnedSemaphorePermit,
}

impl Reply {
    /// Answers; one who hung up does not mind.
    pub(super) fn send(self, outcome: Outcome) {
        drop(self.answer.send(outcome));
    }
}

/// What the writer found.
#[derive(Debug)]
pub(super) enum Taken {
    /// Proposals, in order.
    Group(Vec<Request>),
    /// Nothing to do for a while.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<Request>,
    keep: Option<RetentionFloors>,
    closed: Option<String>,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    room: Arc<Semaphore>,
}

impl Queue {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            room: Arc::new(Semaphore::new(
                usize::try_from(PERMITS).unwrap_or(usize::MAX),
            )),
        }
    }

    /// Hands in a proposal, waiting for room, and gives where its outcome will be.
    pub(super) async fn submit(
        &self,
        proposal: Proposal,
        bytes: usize,
    ) -> Result<oneshot::Receiver<Outcome>, CommitError> {
        let closed = || CommitError::Unavailable("the store is closed".to_owned());
        let permits = u32::try_from(1 + bytes / PERMIT_BYTES)
            .unwrap_or(PERMITS)
            .min(PERMITS);
        let permit = Arc::clone(&self.room)
            .acquire_many_owned(permits)
            .await
            .map_err(|_| closed())?;
        let (answer, outcome) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if let Some(why) = &waiting.closed {
            return Err(CommitError::Unavailable(why.clone()));
        }
        waiting.requests.push_back(Request {
            proposal,
            bytes,
            reply: Reply {
                answer,
                _permit: permit,
            },
        });
        if waiting.requests.len() == 1 {
            self.wake.notify_one();
        }
        Ok(outcome)
    }

    /// Says what history is still wanted. The writer sees to it with its next group, or when it is idle.
    pub(super) fn trim(&self, keep: RetentionFloors) {
        self.waiting.lock().keep = Some(keep);
    }

    /// Takes no more proposals. What waits is still done.
    pub(super) fn close(&self, why: &str) {
        let mut waiting = self.waiting.lock();
        waiting.closed.get_or_insert_with(|| why.to_owned());
        self.wake.notify_one();
    }

    /// Takes no more proposals and refuses those that wait.
    pub(super) fn fail(&self, why: &str) {
        let mut waiting = self.waiting.lock();
        waiting.closed = Some(why.to_owned());
        for request in waiting.requests.drain(..) {
            request
                .reply
                .send(Err(CommitError::Unavailable(why.to_owned())));
        }
    }

    /// Takes what waits, within bounds, or waits for something for as long as `patience`.
    pub(super) fn take(&self, patience: Duration) -> Taken {
        let mut waiting = self.waiting.lock();
        if waiting.requests.is_empty() && waiting.closed.is_none() {
            self.wake.wait_for(&mut waiting, patience);
        }
        if waiting.requests.is_empty() {
            return match waiting.closed {
                Some(_) => Taken::Closed,
                None => Taken::Idle,
            };
        }
        let mut group = Vec::with_capacity(waiting.requests.len().min(GROUP_COUNT));
        let mut bytes = 0;
        while group.len() < GROUP_COUNT && bytes < GROUP_BYTES {
            let Some(request) = waiting.requests.pop_front() else {
                break;
            };
            bytes += request.bytes;
            group.push(request);
        }
        Taken::Group(group)
    }

    /// What was last said of the history, once.
    pub(super) fn take_keep(&self) -> Option<RetentionFloors> {
        self.waiting.lock().keep.take()
    }
}
