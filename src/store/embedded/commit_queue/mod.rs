//! The commit queue: proposals that wait for the writer in the order of acceptance, bounded in number and bytes.

mod queued_commit;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{Semaphore, TryAcquireError, oneshot};

pub(super) use self::queued_commit::{PendingReply, QueuedCommit, Request};
use super::limits::measure;
use super::wide::ahead::AheadDeletion;
use super::wide::deletion::WideDeletion;
use crate::model::Proposal;
use crate::store::sequencer::number;
use crate::store::{
    Accepted, AcceptedOutcome, BoxFuture, CommitError, CommitOrder, DirectoryChanges, NotAccepted,
    QueueRoom, RetentionFloors, Submission,
};

/// The bytes that one permit stands for.
const PERMIT_BYTES: usize = 1024;

/// The bound on proposals that wait or are in flight: 64 MiB, and as many proposals as there are permits.
pub(super) const PERMITS: u32 = 65_536;

/// The most proposals in one group.
const GROUP_COUNT: usize = 1024;

/// The bytes after which a group takes no more proposals.
const GROUP_BYTES: usize = 8 << 20;

/// A proposal of more bytes begins a group: what was accepted before it is answered before it is written.
const LONG_BYTES: usize = 1 << 20;

/// The writer's next work.
#[derive(Debug)]
pub(super) enum NextWork {
    /// Requests to fulfil, in order.
    Group(Vec<QueuedCommit>),
    /// A deletion that is prepared, by itself.
    Wide(Box<WideDeletion>, PendingReply),
    /// No request came in time.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

#[derive(Debug)]
struct QueueState {
    requests: VecDeque<QueuedCommit>,
    /// Deletions that the writer is to take ahead, and has not seen yet.
    ahead: Vec<AheadDeletion>,
    floors: Option<RetentionFloors>,
    directories: Option<DirectoryChanges>,
    /// Why the queue is closed.
    closed: Option<String>,
    /// See [`CommitOrder`].
    generation: u64,
    /// Whether proposals are accepted in order now.
    accepting: bool,
    /// The last revision assigned, if everything accepted becomes durable.
    revision: u64,
}

/// The queue between the store's callers and its writer: it accepts in the order in which the writer writes.
#[derive(Debug)]
pub(super) struct CommitQueue {
    state: Mutex<QueueState>,
    wake: Condvar,
    /// Whether something was put into the empty queue since the writer was woken.
    is_unnoticed: AtomicBool,
    permits: Arc<Semaphore>,
}

impl CommitQueue {
    /// An empty queue; the first commit gets the revision after this one.
    pub(super) fn new(revision: u64) -> Self {
        Self {
            state: Mutex::new(QueueState {
                requests: VecDeque::new(),
                ahead: Vec::new(),
                floors: None,
                directories: None,
                closed: None,
                generation: 1,
                accepting: true,
                revision,
            }),
            wake: Condvar::new(),
            is_unnoticed: AtomicBool::new(false),
            permits: Arc::new(Semaphore::new(
                usize::try_from(PERMITS).unwrap_or(usize::MAX),
            )),
        }
    }

    /// Adds a proposal that rests on nothing but its preconditions, once there is room, and returns the receiver of its
    /// outcome.
    pub(super) async fn submit(
        &self,
        proposal: Proposal,
        bytes: usize,
    ) -> Result<oneshot::Receiver<AcceptedOutcome>, CommitError> {
        let room = self.room(bytes).await?;
        self.submit_request(Request::Proposal(proposal), bytes, room)
    }

    fn submit_request(
        &self,
        request: Request,
        bytes: usize,
        room: QueueRoom,
    ) -> Result<oneshot::Receiver<AcceptedOutcome>, CommitError> {
        let (answer, outcome) = oneshot::channel();
        let mut state = self.state.lock();
        if let Some(why) = &state.closed {
            return Err(CommitError::Unavailable(why.clone()));
        }
        state.revision += 1;
        let queued = QueuedCommit {
            request,
            in_order: false,
            bytes,
            reply: PendingReply {
                answer,
                _room: room,
            },
        };
        self.push(&mut state, queued);
        drop(state);
        self.wake();
        Ok(outcome)
    }

    /// Has the writer take the changes of a deletion ahead of its revision, in steps between the groups. Until the deletion
    /// is submitted nothing else may be written to its keys.
    pub(super) fn take_ahead(&self, deletion: AheadDeletion) {
        let mut state = self.state.lock();
        // A deletion that is dropped is refused.
        if state.closed.is_none() {
            state.ahead.push(deletion);
            self.wake.notify_one();
        }
    }

    /// The deletions that are to be taken ahead since the last call.
    pub(super) fn next_ahead(&self) -> Vec<AheadDeletion> {
        std::mem::take(&mut self.state.lock().ahead)
    }

    /// Adds a deletion that is prepared, which gets the next revision. What waits with it is only what the journal takes of it.
    pub(super) fn submit_wide(
        &self,
        deletion: Box<WideDeletion>,
        room: QueueRoom,
    ) -> Result<oneshot::Receiver<AcceptedOutcome>, CommitError> {
        self.submit_request(Request::Wide(deletion), 0, room)
    }

    fn push(&self, state: &mut QueueState, queued: QueuedCommit) {
        if state.requests.is_empty() {
            self.is_unnoticed.store(true, Ordering::Release);
        }
        state.requests.push_back(queued);
    }

    /// Begins a new generation after this revision, because something accepted was refused, and takes out what was accepted
    /// after it and fails with it. Called when everything up to this revision is delivered.
    pub(super) fn restart(&self, revision: u64, accepting: bool) -> Vec<PendingReply> {
        let mut state = self.state.lock();
        let (failed, left): (VecDeque<_>, VecDeque<_>) =
            state.requests.drain(..).partition(|queued| queued.in_order);
        let commits = left.iter().filter(|queued| queued.is_commit()).count();
        state.requests = left;
        state.generation += 1;
        state.accepting = accepting;
        state.revision = revision.saturating_add(u64::try_from(commits).unwrap_or(u64::MAX));
        failed.into_iter().map(|queued| queued.reply).collect()
    }

    /// Accepts in order again.
    pub(super) fn resume(&self) {
        self.state.lock().accepting = true;
    }

    /// Whether proposals are accepted in order.
    pub(super) fn is_accepting(&self) -> bool {
        self.state.lock().accepting
    }

    /// Sets the floors that history may be trimmed to. The writer trims with its next group, or when it is idle.
    pub(super) fn set_retention_floors(&self, floors: RetentionFloors) {
        self.state.lock().floors = Some(floors);
    }

    /// Hands over a checkpoint of directories. The writer keeps it before it trims by floors that are set from now on.
    pub(super) fn keep_directories(&self, changes: DirectoryChanges) {
        let mut state = self.state.lock();
        match &mut state.directories {
            Some(earlier) => earlier.extend(changes),
            None => state.directories = Some(changes),
        }
    }

    /// Closes the queue. Proposals that wait are still committed.
    pub(super) fn close(&self, why: &str) {
        let mut state = self.state.lock();
        state.closed.get_or_insert_with(|| why.to_owned());
        state.ahead.clear();
        self.wake.notify_one();
    }

    /// Closes the queue and refuses the proposals that wait.
    pub(super) fn fail(&self, why: &str) {
        let mut state = self.state.lock();
        state.closed = Some(why.to_owned());
        state.ahead.clear();
        for request in state.requests.drain(..) {
            request
                .reply
                .send(Err(CommitError::Unavailable(why.to_owned())));
        }
    }

    /// Takes a group of the proposals that wait, or waits up to `patience` for one.
    pub(super) fn next_work(&self, patience: Duration) -> NextWork {
        let mut state = self.state.lock();
        let has_nothing = |state: &mut QueueState| {
            state.requests.is_empty() && state.ahead.is_empty() && state.closed.is_none()
        };
        self.wake.wait_while_for(&mut state, has_nothing, patience);
        if state.requests.is_empty() {
            return match state.closed {
                Some(_) => NextWork::Closed,
                None => NextWork::Idle,
            };
        }
        let mut group = Vec::with_capacity(state.requests.len().min(GROUP_COUNT));
        let mut bytes = 0;
        while group.len() < GROUP_COUNT && bytes < GROUP_BYTES {
            let is_long = |next: &QueuedCommit| next.bytes > LONG_BYTES;
            if !group.is_empty() && state.requests.front().is_some_and(is_long) {
                break;
            }
            // Delivered by itself: what was prepared for it is about it alone.
            let next = state.requests.front().map(|next| &next.request);
            if !group.is_empty() && matches!(next, Some(Request::Wide(_))) {
                break;
            }
            let Some(request) = state.requests.pop_front() else {
                break;
            };
            let request = match request.split_wide() {
                Ok((deletion, reply)) => return NextWork::Wide(deletion, reply),
                Err(request) => request,
            };
            bytes += request.bytes;
            group.push(request);
        }
        NextWork::Group(group)
    }

    /// The checkpoint of directories and the retention floors, as far as they were set since the last call.
    pub(super) fn take_retention(&self) -> (Option<DirectoryChanges>, Option<RetentionFloors>) {
        let mut state = self.state.lock();
        (state.directories.take(), state.floors.take())
    }
}

impl CommitOrder for CommitQueue {
    fn generation(&self) -> Option<u64> {
        let state = self.state.lock();
        state.accepting.then_some(state.generation)
    }

    fn accept(
        &self,
        generation: u64,
        submission: Submission,
        room: Option<QueueRoom>,
    ) -> Result<Accepted, NotAccepted> {
        let (bytes, permits) = match &submission {
            Submission::Small(proposal) | Submission::Wide(proposal) => {
                let bytes = measure(proposal).map_err(NotAccepted::Failed)?;
                (bytes, permits_for(bytes))
            }
            Submission::Barrier => (0, 0),
        };
        let room = self.room_now(bytes, permits, room)?;
        let (answer, outcome) = oneshot::channel();
        let mut state = self.state.lock();
        if let Some(why) = &state.closed {
            let closed = CommitError::Unavailable(why.clone());
            return Err(NotAccepted::Failed(closed));
        }
        if !state.accepting || state.generation != generation {
            return Err(NotAccepted::Superseded);
        }
        state.revision += match submission {
            Submission::Small(_) | Submission::Wide(_) => 1,
            Submission::Barrier => 0,
        };
        let revision = state.revision;
        let (request, commit) = match submission {
            Submission::Small(proposal) => {
                let commit = Arc::new(number(proposal, revision));
                (Request::Numbered(Arc::clone(&commit)), Some(commit))
            }
            Submission::Wide(proposal) => (Request::Proposal(proposal), None),
            Submission::Barrier => (Request::Barrier, None),
        };
        let queued = QueuedCommit {
            request,
            in_order: true,
            bytes,
            reply: PendingReply {
                answer,
                _room: room,
            },
        };
        self.push(&mut state, queued);
        Ok(Accepted {
            revision,
            commit,
            outcome,
        })
    }

    fn wake(&self) {
        if self.is_unnoticed.swap(false, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    fn room(&self, bytes: usize) -> BoxFuture<'_, Result<QueueRoom, CommitError>> {
        Box::pin(async move {
            let permits = Arc::clone(&self.permits).acquire_many_owned(permits_for(bytes));
            let closed = |_| CommitError::Unavailable("the store is closed".to_owned());
            permits.await.map(QueueRoom).map_err(closed)
        })
    }
}

impl CommitQueue {
    /// The room that was waited for, if it is enough, or what is free now.
    fn room_now(
        &self,
        bytes: usize,
        permits: u32,
        room: Option<QueueRoom>,
    ) -> Result<QueueRoom, NotAccepted> {
        let enough =
            |room: &QueueRoom| u32::try_from(room.0.num_permits()).is_ok_and(|own| own >= permits);
        if let Some(room) = room.filter(enough) {
            return Ok(room);
        }
        match Arc::clone(&self.permits).try_acquire_many_owned(permits) {
            Ok(permits) => Ok(QueueRoom(permits)),
            Err(TryAcquireError::NoPermits) => Err(NotAccepted::NoRoom(bytes)),
            Err(TryAcquireError::Closed) => {
                let closed = CommitError::Unavailable("the store is closed".to_owned());
                Err(NotAccepted::Failed(closed))
            }
        }
    }
}

/// How many permits a proposal of so many bytes takes.
pub(super) fn permits_for(bytes: usize) -> u32 {
    u32::try_from(1 + bytes / PERMIT_BYTES)
        .unwrap_or(PERMITS)
        .min(PERMITS)
}
