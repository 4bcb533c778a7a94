//! `QueuedCommit`: a request to the writer, with the caller that waits for its outcome.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::{Commit, Proposal};
use crate::store::embedded::wide::deletion::WideDeletion;
use crate::store::{AcceptedOutcome, QueueRoom};

/// A request to the writer, and the reply to its caller.
#[derive(Debug)]
pub(in crate::store::embedded) struct QueuedCommit {
    pub(super) request: Request,
    /// Whether it was decided on what was accepted before it, and so fails with it.
    pub(super) in_order: bool,
    pub(super) bytes: usize,
    pub(super) reply: PendingReply,
}

/// What the writer is asked for.
#[derive(Debug)]
pub(in crate::store::embedded) enum Request {
    /// To make a commit durable that was numbered when it was accepted.
    Numbered(Arc<Commit>),
    /// To number a proposal and make it durable.
    Proposal(Proposal),
    /// To number a deletion that is prepared, and make it durable.
    Wide(Box<WideDeletion>),
    /// To answer when everything before is durable.
    Barrier,
}

impl QueuedCommit {
    /// About how many bytes it takes in the journal.
    pub(in crate::store::embedded) fn bytes(&self) -> u64 {
        u64::try_from(self.bytes).unwrap_or(u64::MAX)
    }

    /// Whether it fails with what was accepted before it.
    pub(in crate::store::embedded) fn is_in_order(&self) -> bool {
        self.in_order
    }

    /// Whether it takes a revision.
    pub(super) fn is_commit(&self) -> bool {
        match self.request {
            Request::Numbered(_) | Request::Proposal(_) | Request::Wide(_) => true,
            Request::Barrier => false,
        }
    }

    /// A deletion that is prepared, or the request as it was.
    pub(super) fn split_wide(self) -> Result<(Box<WideDeletion>, PendingReply), Self> {
        match self.request {
            Request::Wide(deletion) => Ok((deletion, self.reply)),
            request @ (Request::Numbered(_) | Request::Proposal(_) | Request::Barrier) => {
                Err(Self { request, ..self })
            }
        }
    }

    /// What is asked for, and the reply to its caller.
    pub(in crate::store::embedded) fn split(self) -> (Request, PendingReply) {
        (self.request, self.reply)
    }
}

/// The caller that waits for an outcome.
#[derive(Debug)]
pub(in crate::store::embedded) struct PendingReply {
    pub(super) answer: oneshot::Sender<AcceptedOutcome>,
    /// Held until the answer: proposals in flight count too.
    pub(super) _room: QueueRoom,
}

impl PendingReply {
    /// Sends the outcome. The caller may have gone.
    pub(in crate::store::embedded) fn send(self, outcome: AcceptedOutcome) {
        drop(self.answer.send(outcome));
    }
}
