//! Handing a decided change to the store: accepted in order, or with its read-write set locked; its quotas are reserved first.

use std::sync::Arc;

use super::attempt::{Attempt, barrier};
use super::audit::NotedReply;
use super::change_turn::ChangeTurn;
use super::critical_section::WriteLocks;
use super::denied::Denied;
use super::entered::Entered;
use super::keyspace::{ChangeError, Keyspace};
use super::pending::{MAX_PENDING_WRITES, PendingSnapshot};
use super::quota::{QuotaReservation, ReservedOrder};
use super::read_write_set::ReadWriteSet;
use crate::model::{Caller, Proposal};
use crate::store::{CommitOrder, NotAccepted, Submission};

impl Keyspace {
    /// Hands what was decided to the store: at once where it accepts in order, else when it is locked.
    pub(crate) fn hand_over<R, E>(
        &self,
        entered: &mut Entered<'_>,
        caller: &Caller,
        (mut reply, proposal): (NotedReply<R>, Proposal),
        set: Option<Arc<ReadWriteSet>>,
        turn: &mut ChangeTurn,
    ) -> Attempt<R, E> {
        let Some(order) = entered.order.filter(|_| !turn.is_prepared) else {
            let locks = match self.lock(entered, set, turn) {
                Ok(locks) => locks,
                Err(woken) => return Attempt::Wait(woken),
            };
            return match self.reserve(caller, &proposal, ReservedOrder::Uncertain, turn) {
                Ok(reserved) => {
                    reply.keep(reserved);
                    reply.hand_over(None);
                    Attempt::Locked(locks, proposal, reply)
                }
                Err(denied) => {
                    turn.unused = Some(locks);
                    Attempt::Answer(Err(ChangeError::Denied(denied)))
                }
            };
        };
        // Wide changes in flight are not in the base: what they change is not read before they are durable.
        let is_locked = turn.reserved.is_some();
        let passed = if proposal.writes.len() > MAX_PENDING_WRITES || is_locked {
            self.lock(entered, set, turn).map(Some)
        } else {
            self.check(entered, set, turn).map(|()| None)
        };
        let locks = match passed {
            Ok(locks) => locks,
            Err(woken) => return Attempt::Wait(woken),
        };
        match self.reserve(caller, &proposal, ReservedOrder::Accepted, turn) {
            Ok(reserved) => {
                let attempt = accept(entered, order, proposal, (reply, locks), turn);
                if matches!(attempt, Attempt::Accepted(..)) {
                    entered.pending.keep(reserved);
                }
                attempt
            }
            Err(denied) => {
                turn.unused = locks;
                let answer = Err(ChangeError::Denied(denied));
                let base = PendingSnapshot::new(&entered.durable, &entered.pending);
                if base.is_durable() {
                    Attempt::Answer(answer)
                } else {
                    // What is pending counted: should it fail, this may be made after all.
                    barrier(entered, order, Some(answer))
                }
            }
        }
    }

    /// Reserves what a change adds beneath prefixes that have quotas.
    fn reserve(
        &self,
        caller: &Caller,
        proposal: &Proposal,
        order: ReservedOrder,
        turn: &ChangeTurn,
    ) -> Result<Option<Box<dyn QuotaReservation>>, Denied> {
        match &self.inner.quotas {
            Some(quotas) => {
                let writes = (&proposal.writes[..], turn.sum.as_ref());
                quotas.reserve(caller, writes, order)
            }
            None => Ok(None),
        }
    }
}

/// Hands a proposal to the store, and shows what it writes to later decisions unless it is locked.
fn accept<R, E>(
    entered: &mut Entered<'_>,
    (generation, order): (u64, &dyn CommitOrder),
    proposal: Proposal,
    (mut reply, locks): (NotedReply<R>, Option<WriteLocks>),
    turn: &mut ChangeTurn,
) -> Attempt<R, E> {
    let submission = match locks {
        Some(_) => Submission::Wide(proposal),
        None => Submission::Small(proposal),
    };
    let error = match order.accept(generation, submission, turn.room.take()) {
        Ok(accepted) => {
            let commit = accepted.commit.as_ref().map(Arc::clone);
            let Entered {
                pending, durable, ..
            } = &mut *entered;
            pending.add(durable, accepted.revision, commit);
            // A wide one is numbered later.
            let revision = locks.is_none().then_some(accepted.revision);
            reply.hand_over(revision);
            return Attempt::Accepted(accepted, locks, reply);
        }
        Err(error) => error,
    };
    turn.unused = locks;
    match error {
        NotAccepted::Superseded => {
            entered.pending.begin(None);
            Attempt::Again
        }
        NotAccepted::NoRoom(bytes) => Attempt::NoRoom(bytes),
        NotAccepted::Failed(error) => Attempt::Answer(Err(ChangeError::Failed(error))),
    }
}
