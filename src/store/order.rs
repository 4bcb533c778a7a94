//! Commit order: how a decision may rest on commits that are accepted but not durable yet.
//!
//! A store that writes strictly in the order in which it accepts, and fails everything after a failure, makes early lock
//! release safe: whoever decides on an accepted commit either fails with it or becomes durable after it. Only answers wait
//! for durability.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{BoxFuture, CommitError};
use crate::model::{Commit, Proposal};

/// A store's order of acceptance.
///
/// Each proposal is accepted in a *generation*. When an accepted one cannot be written, all that were accepted after it
/// fail as well, as [`CommitError::Conflict`], and a new generation begins: nothing is accepted in it that was decided
/// on what has failed.
pub trait CommitOrder: Send + Sync + fmt::Debug {
    /// The generation that proposals are accepted in now. Everything that was accepted in earlier ones has failed, or was
    /// delivered before this returns. `None` while the store judges each proposal only when it writes it, as on a full disk:
    /// proposals then take [`Store::commit`](super::Store::commit).
    fn generation(&self) -> Option<u64>;

    /// Accepts a submission after all that were accepted before. Never waits, and wakes nobody: see [`CommitOrder::wake`].
    fn accept(
        &self,
        generation: u64,
        submission: Submission,
        room: Option<QueueRoom>,
    ) -> Result<Accepted, NotAccepted>;

    /// Wakes the store where something was accepted that it may not have noticed. Whoever accepts calls this soon after, once
    /// nobody waits for what it holds.
    fn wake(&self);

    /// Waits until the queue has room for a proposal of so many bytes; see [`NotAccepted::NoRoom`].
    fn room(&self, bytes: usize) -> BoxFuture<'_, Result<QueueRoom, CommitError>>;
}

/// What is accepted in order.
#[derive(Debug)]
pub enum Submission {
    /// A proposal. It is numbered when it is accepted, which costs as much as it has writes.
    Small(Proposal),
    /// A proposal of many writes. It is numbered when it is written; accepting it costs the same whatever its size.
    Wide(Proposal),
    /// Nothing: its outcome is known when everything accepted before is durable and delivered.
    Barrier,
}

/// The outcome of an accepted submission: the commit, and none of a barrier.
pub type AcceptedOutcome = Result<Option<Arc<Commit>>, CommitError>;

/// A submission in its place in the order.
#[derive(Debug)]
pub struct Accepted {
    /// The last revision assigned: the submission's own, unless it is a barrier.
    pub revision: u64,
    /// The commit of [`Submission::Small`], as it will be if everything accepted before becomes durable.
    pub commit: Option<Arc<Commit>>,
    /// The outcome, once it is durable and delivered, or has failed. A sender that is gone means that it is unknown.
    pub outcome: oneshot::Receiver<AcceptedOutcome>,
}

/// Why a submission was not accepted; nothing was written.
#[derive(Debug)]
pub enum NotAccepted {
    /// The generation has ended: the decision rests on commits that failed, and must be made again.
    Superseded,
    /// The queue is full. The submission may be repeated with the room that [`CommitOrder::room`] gives for so many bytes.
    NoRoom(usize),
    /// It is refused for itself, or the store is closed.
    Failed(CommitError),
}

/// Room in a store's queue, given back when it is dropped.
#[derive(Debug)]
pub struct QueueRoom(pub(crate) OwnedSemaphorePermit);
