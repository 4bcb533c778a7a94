//! `WaitingParts`: changes that wait to be made together, by the counter that they wait for.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use super::denied::Denied;
use super::draft::Draft;
use crate::model::{Caller, Commit};
use crate::store::CommitError;

/// The most changes in one commit.
pub(super) const MOST: usize = 64;

/// The changes that wait for a counter, by its name. While there is a queue, a task makes what is in it.
#[derive(Default)]
pub(crate) struct WaitingParts(pub(super) Mutex<HashMap<String, VecDeque<WaitingPart>>>);

/// A change that waits, and who asks for it.
pub(super) struct WaitingPart {
    pub(super) caller: Caller,
    pub(super) part: Box<dyn Part>,
}

/// A change beside others, whatever it answers.
pub(super) trait Part: Send + Sync {
    /// Decides on it, and says whether it is accepted.
    fn decide(&self, draft: &mut Draft<'_>) -> bool;

    /// Whether nobody waits for it any more.
    fn is_given_up(&self) -> bool;

    /// Answers it as it was decided last.
    fn answer(self: Box<Self>, outcome: &PartOutcome);
}

/// What became of the commit that a change was part of.
pub(super) enum PartOutcome {
    /// It was made, or nothing was to be made, at this revision.
    Made(u64, Option<Arc<Commit>>),
    /// The guard refused it.
    Denied(Denied),
    /// The store failed, or may have.
    Failed(CommitError),
}

impl WaitingParts {
    /// Takes the first that can be made by one commit, of callers who may do the same, which may depend on their addresses;
    /// none where the queue has ended.
    pub(super) fn take(
        &self,
        counter: &str,
        by_address: bool,
    ) -> Option<(Caller, VecDeque<Box<dyn Part>>)> {
        let mut queues = self.0.lock();
        let queue = queues.get_mut(counter)?;
        let Some(caller) = queue.front().map(|first| first.caller.clone()) else {
            queues.remove(counter);
            return None;
        };
        let mut parts = VecDeque::new();
        while parts.len() < MOST
            && queue
                .front()
                .is_some_and(|next| may_the_same(&next.caller, &caller, by_address))
            && let Some(next) = queue.pop_front()
        {
            parts.push_back(next.part);
        }
        Some((caller, parts))
    }
}

fn may_the_same(one: &Caller, other: &Caller, by_address: bool) -> bool {
    match (one, other) {
        (
            Caller::Client {
                face,
                credentials,
                peer,
            },
            Caller::Client {
                face: other_face,
                credentials: other_credentials,
                peer: other_peer,
            },
        ) => {
            let is_one_address = peer.ip() == other_peer.ip();
            face == other_face
                && credentials == other_credentials
                && (is_one_address || !by_address)
        }
        (one, other) => one == other,
    }
}
