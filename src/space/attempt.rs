//! Attempts at a change: it is decided inside the critical section, and accepted by the store or locked there.
//!
//! On a store that accepts in order, decisions rest on everything accepted, durable or not, and only answers wait: many
//! changes of one key share an fsync. What is wide, and everything on other stores, locks its read-write set until its
//! outcome is known.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::audit::NotedReply;
use super::change_turn::ChangeTurn;
use super::critical_section::{Blocked, WriteLocks};
use super::decision::{ChangeAnswer, Decided};
use super::draft::Draft;
use super::entered::Entered;
use super::keyspace::{ChangeError, Committed, Keyspace};
use super::pending::PendingSnapshot;
use super::read_write_set::ReadWriteSet;
use super::renewal::Renewal;
use crate::model::{Caller, Key, Proposal};
use crate::store::{Accepted, AcceptedOutcome, CommitOrder, NotAccepted, Submission};

/// What a decision may rest on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Basis<'a> {
    /// Everything that the store has accepted.
    Accepted,
    /// Of these records only what is durable: for decisions that also look at their timers, which follow durable commits.
    Durable(&'a [Key]),
}

/// The outcome of one attempt at a change.
pub(crate) enum Attempt<R, E> {
    /// It is answered.
    Answer(ChangeAnswer<R, E>),
    /// When everything accepted before is durable, it is answered, or decided again.
    Barrier(
        oneshot::Receiver<AcceptedOutcome>,
        Option<ChangeAnswer<R, E>>,
    ),
    /// The store has accepted it. A wide one is locked, too.
    Accepted(Accepted, Option<WriteLocks>, NotedReply<R>),
    /// Its read-write set is locked.
    Locked(WriteLocks, Proposal, NotedReply<R>),
    /// It takes too long to be decided inside the critical section.
    TooWide,
    /// It clashes with a change that is in flight, or that waits before it.
    Wait(oneshot::Receiver<()>),
    /// The store's queue is full: it needs room for so many bytes.
    NoRoom(usize),
    /// It must be decided again.
    Again,
}

impl<R, E> Attempt<R, E> {
    /// Whether it waits for its turn.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Wait(_))
    }
}

/// The outcome of one attempt at a change of a lane.
pub(crate) enum LaneAttempt<R, E> {
    /// It was attempted in order, in this generation.
    InOrder(Attempt<R, E>, u64),
    /// The store does not accept in order now. It has nothing in flight before it: it may be made by itself.
    Alone,
    /// What is in flight before it in the lane must be answered first.
    NotYet,
}

impl Keyspace {
    /// Attempts a change once, by a decision made inside the critical section.
    pub(crate) fn attempt<R, E>(
        &self,
        caller: &Caller,
        basis: Basis<'_>,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        turn: &mut ChangeTurn,
    ) -> Attempt<R, E> {
        turn.is_prepared = false;
        turn.sum = None;
        let mut entered = self.enter();
        let attempt = match entered.order {
            Some(order) => {
                self.attempt_in_order(&mut entered, order, (caller, basis), &decide, turn)
            }
            None => Some(self.attempt_with_locks(&mut entered, caller, &decide, turn)),
        };
        drop(entered);
        turn.leave(attempt.as_ref().is_some_and(Attempt::waits));
        attempt.unwrap_or_else(|| self.attempt_on_durable(caller, &decide, turn))
    }

    /// Attempts a change of a lane once. `after` is the generation that the last change of the lane was accepted in, if that
    /// is not answered: in another one, that change has failed, and must be decided again before this one.
    pub(crate) fn attempt_in_lane<R, E>(
        &self,
        caller: &Caller,
        after: Option<u64>,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        turn: &mut ChangeTurn,
    ) -> LaneAttempt<R, E> {
        let mut entered = self.enter();
        let order = match (entered.order, after) {
            (Some(order), None) => order,
            (Some(order), Some(generation)) if order.0 == generation => order,
            (None, None) => return LaneAttempt::Alone,
            (Some(_) | None, Some(_)) => return LaneAttempt::NotYet,
        };
        let rests = (caller, Basis::Accepted);
        let attempt = self.attempt_in_order(&mut entered, order, rests, &decide, turn);
        drop(entered);
        turn.leave(attempt.as_ref().is_some_and(Attempt::waits));
        LaneAttempt::InOrder(attempt.unwrap_or(Attempt::Again), order.0)
    }

    /// Attempts a change whose read-write set is locked until its outcome is known.
    fn attempt_with_locks<R, E>(
        &self,
        entered: &mut Entered<'_>,
        caller: &Caller,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        turn: &mut ChangeTurn,
    ) -> Attempt<R, E> {
        let base = PendingSnapshot::of_durable(&entered.durable);
        let place = (turn.place(), true);
        let (decided, set) = self.decide(caller, base, decide, place, &mut turn.asked);
        match decided {
            Decided::TooWide => Attempt::TooWide,
            Decided::NoWrites(answer) => Attempt::Answer(answer),
            Decided::Renews(reply, renewal) => {
                self.renew_entry(entered, (reply, &renewal), set, turn)
            }
            Decided::Writes(reply, proposal) => {
                self.hand_over(entered, caller, (reply, proposal), set, turn)
            }
        }
    }

    /// Attempts a change on a store that accepts in order. `None` where nothing is written and the answer would rest on what
    /// is not durable.
    fn attempt_in_order<R, E>(
        &self,
        entered: &mut Entered<'_>,
        order: (u64, &dyn CommitOrder),
        (caller, basis): (&Caller, Basis<'_>),
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        turn: &mut ChangeTurn,
    ) -> Option<Attempt<R, E>> {
        let base = PendingSnapshot::new(&entered.durable, &entered.pending);
        let is_durable = base.is_durable();
        let asks = !entered.queue.is_idle();
        let place = (turn.place(), asks);
        let (decided, set) = self.decide(caller, base, decide, place, &mut turn.asked);
        let waits = match basis {
            Basis::Accepted => false,
            Basis::Durable(records) => records.iter().any(|key| entered.pending.changes(key)),
        };
        match decided {
            Decided::TooWide => Some(Attempt::TooWide),
            Decided::Writes(..) if waits => Some(barrier(entered, order, None)),
            Decided::Renews(reply, renewal) => {
                Some(self.renew_entry(entered, (reply, &renewal), set, turn))
            }
            Decided::Writes(reply, proposal) => {
                Some(self.hand_over(entered, caller, (reply, proposal), set, turn))
            }
            Decided::NoWrites(answer) if is_durable => Some(Attempt::Answer(answer)),
            Decided::NoWrites(_) if !waits && !turn.waits_for_durability => None,
            Decided::NoWrites(answer) => Some(match self.check(entered, set, turn) {
                Ok(()) => barrier(entered, order, Some(answer)),
                Err(woken) => Attempt::Wait(woken),
            }),
        }
    }

    /// Answers a change that comes to nothing on durable entries, too: they are as new as a reader's. Where it does not, its
    /// answer must wait for what it rests on.
    fn attempt_on_durable<R, E>(
        &self,
        caller: &Caller,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        turn: &mut ChangeTurn,
    ) -> Attempt<R, E> {
        let durable = self.inner.applier.current();
        let base = PendingSnapshot::of_durable(&durable);
        let place = (turn.place(), false);
        match self.decide(caller, base, decide, place, &mut turn.asked).0 {
            Decided::TooWide => Attempt::TooWide,
            Decided::NoWrites(answer) => Attempt::Answer(answer),
            Decided::Writes(..) | Decided::Renews(..) => {
                turn.waits_for_durability = true;
                Attempt::Again
            }
        }
    }

    /// Renews, unless something of it is on its way.
    fn renew_entry<R, E>(
        &self,
        entered: &mut Entered<'_>,
        (mut reply, renewal): (NotedReply<R>, &Renewal),
        set: Option<Arc<ReadWriteSet>>,
        turn: &mut ChangeTurn,
    ) -> Attempt<R, E> {
        if let Err(woken) = self.check(entered, set, turn) {
            return Attempt::Wait(woken);
        }
        let is_pending = |key: &Key| entered.pending.changes(key);
        if renewal.keys().iter().any(is_pending)
            && let Some(order) = entered.order
        {
            return barrier(entered, order, None);
        }
        let Some(commit) = self.apply_renewal(renewal) else {
            return Attempt::Again;
        };
        self.inner.metrics.renewals.inc();
        let commit = Arc::new(commit);
        reply.hand_over(Some(commit.revision));
        Attempt::Answer(Ok(Committed {
            reply: reply.settle(&Ok(Arc::clone(&commit))),
            revision: entered.durable().revision,
            commit: Some(commit),
        }))
    }

    /// Locks a read-write set, or waits for its turn.
    pub(crate) fn lock(
        &self,
        entered: &mut Entered<'_>,
        set: Option<Arc<ReadWriteSet>>,
        turn: &mut ChangeTurn,
    ) -> Result<WriteLocks, oneshot::Receiver<()>> {
        if let Some(locks) = turn.reserved.take() {
            return Ok(locks);
        }
        let set = set.unwrap_or_default();
        let (ticket, compared) = (turn.ticket.as_ref(), &turn.compared);
        let section = &self.inner.section;
        let locks = entered.queue.try_lock(section, set, ticket, compared);
        locks.map_err(|blocked| self.wait(entered, blocked, turn))
    }

    /// Waits for its turn where a read-write set clashes with one that is locked, or that waits before it. Where there is none,
    /// nothing was locked.
    pub(crate) fn check(
        &self,
        entered: &mut Entered<'_>,
        set: Option<Arc<ReadWriteSet>>,
        turn: &mut ChangeTurn,
    ) -> Result<(), oneshot::Receiver<()>> {
        let Some(set) = set else { return Ok(()) };
        let (ticket, compared) = (turn.ticket.as_ref(), &turn.compared);
        let clear = entered.queue.check(set, ticket, compared);
        clear.map_err(|blocked| self.wait(entered, blocked, turn))
    }

    fn wait(
        &self,
        entered: &mut Entered<'_>,
        blocked: Blocked,
        turn: &mut ChangeTurn,
    ) -> oneshot::Receiver<()> {
        let section = &self.inner.section;
        let (ticket, woken) = entered.queue.enqueue(section, blocked, turn.ticket.take());
        turn.ticket = Some(ticket);
        woken
    }
}

/// Puts a barrier after everything accepted, with the answer for when it is passed.
pub(crate) fn barrier<R, E>(
    entered: &mut Entered<'_>,
    (generation, order): (u64, &dyn CommitOrder),
    answer: Option<ChangeAnswer<R, E>>,
) -> Attempt<R, E> {
    match order.accept(generation, Submission::Barrier, None) {
        Ok(accepted) => Attempt::Barrier(accepted.outcome, answer),
        Err(NotAccepted::Superseded) => {
            entered.pending.begin(None);
            Attempt::Again
        }
        Err(NotAccepted::NoRoom(bytes)) => Attempt::NoRoom(bytes),
        Err(NotAccepted::Failed(error)) => Attempt::Answer(Err(ChangeError::Failed(error))),
    }
}
