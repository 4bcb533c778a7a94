//! Lanes: the changes of one client, decided in the order in which it sent them and answered later.
//!
//! On a store that accepts in order, a change is decided on those before it in its lane although they are not durable yet, so
//! a client that sends many shares an fsync among them. What fails together must be decided again in the same order:
//! whoever has a lane does that, as only it knows the order.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use super::asked_for::AskedFor;
use super::attempt::{Attempt, LaneAttempt};
use super::audit::{self, NotedReply};
use super::change::{TRIES, changed_meanwhile, written};
use super::change_turn::ChangeTurn;
use super::decision::ChangeAnswer;
use super::draft::Draft;
use super::in_flight::InFlight;
use super::keyspace::{ChangeError, Committed, Keyspace};
use crate::model::Caller;
use crate::store::{AcceptedOutcome, CommitError};

/// A change of a lane that was decided.
#[derive(Debug)]
pub enum Proposed<R, E> {
    /// It is answered; nothing of it is in flight.
    Answered(Result<Committed<R>, ChangeError<E>>),
    /// It is accepted, and answered when it is durable.
    Accepted(AcceptedChange<R, E>),
    /// Those before it in the lane must be answered first. It was not decided.
    NotYet,
}

/// A change that the store has accepted, or whose answer rests on what the store has accepted.
///
/// Its output is the answer; `None` where what it rests on has failed, and the change must be decided again. Then all after
/// it in the lane must be, too, in their order.
#[derive(Debug)]
pub struct AcceptedChange<R, E> {
    space: Keyspace,
    outcome: oneshot::Receiver<AcceptedOutcome>,
    /// `None` once it is answered.
    waits: Option<Waiting<R, E>>,
    asked: AskedFor,
    place: LanePlace,
}

/// Where a change stands in the store's order: the next one of the lane is decided on it only while that is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LanePlace(u64);

/// What is answered when the outcome is known.
#[derive(Debug)]
enum Waiting<R, E> {
    /// The reply of a change that writes.
    Reply(NotedReply<R>),
    /// The answer of one that does not.
    Answer(Result<Committed<R>, ChangeError<E>>),
}

impl Keyspace {
    /// Decides on a change of a lane. `after` is the place of the last change of the lane that is not answered yet.
    ///
    /// `decide` is as in [`Keyspace::commit`]. On a store that does not accept in order each change is answered before
    /// this returns.
    pub async fn propose<R, E>(
        &self,
        caller: &Caller,
        after: Option<LanePlace>,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
    ) -> Proposed<R, E> {
        let mut turn = ChangeTurn::in_lane();
        let mut tries = 0;
        while tries < TRIES {
            let generation = after.map(|LanePlace(generation)| generation);
            let (attempt, generation) =
                match self.attempt_in_lane(caller, generation, &decide, &mut turn) {
                    LaneAttempt::NotYet => return Proposed::NotYet,
                    LaneAttempt::Alone => {
                        turn.abandon();
                        return Proposed::Answered(self.commit(caller, decide).await);
                    }
                    LaneAttempt::InOrder(attempt, generation) => (attempt, generation),
                };
            let accepted = |outcome, waits, asked| {
                Proposed::Accepted(AcceptedChange {
                    space: self.clone(),
                    outcome,
                    waits: Some(waits),
                    asked,
                    place: LanePlace(generation),
                })
            };
            match attempt {
                Attempt::Accepted(change, None, reply) => {
                    return accepted(change.outcome, Waiting::Reply(reply), turn.asked);
                }
                Attempt::Barrier(barrier, Some(answer)) => {
                    self.record_refusal(caller, &answer);
                    return accepted(barrier, Waiting::Answer(answer), turn.asked);
                }
                Attempt::Wait(woken) => {
                    // A sender that is gone means only that it is worth trying again.
                    let _woken = woken.await;
                }
                Attempt::NoRoom(bytes) => match self.room(bytes).await {
                    Ok(room) => turn.room = Some(room),
                    Err(error) => return Proposed::Answered(Err(ChangeError::Failed(error))),
                },
                Attempt::TooWide => {
                    turn.abandon();
                    if after.is_some() {
                        return Proposed::NotYet;
                    }
                    return Proposed::Answered(self.commit(caller, decide).await);
                }
                Attempt::Answer(answer) => {
                    self.record_refusal(caller, &answer);
                    return Proposed::Answered(self.counted(answer));
                }
                Attempt::Again | Attempt::Barrier(_, None) => tries += 1,
                attempt @ (Attempt::Accepted(_, Some(_), _) | Attempt::Locked(..)) => {
                    if let Some(answer) = self.outcome_with_locks(attempt).await {
                        return Proposed::Answered(self.counted(answer));
                    }
                    tries += 1;
                }
            }
        }
        Proposed::Answered(self.counted(Err(changed_meanwhile())))
    }

    /// The answer of a change that is locked until its outcome is known; `None` where it must be decided again.
    async fn outcome_with_locks<R, E>(&self, attempt: Attempt<R, E>) -> Option<ChangeAnswer<R, E>> {
        match attempt {
            Attempt::Accepted(change, Some(locks), mut reply) => {
                let commit = async move { written(change.outcome.await) };
                let commit = audit::settling(reply.take_change(), commit);
                let (outcome, _) = InFlight::new(commit, locks, None::<()>).await;
                self.outcome(outcome, reply)
            }
            Attempt::Locked(locks, proposal, mut reply) => {
                let store = Arc::clone(&self.inner.store);
                let commit = async move { store.commit(proposal).await };
                let commit = audit::settling(reply.take_change(), commit);
                let (outcome, _) = InFlight::new(commit, locks, None::<()>).await;
                self.outcome(outcome, reply)
            }
            Attempt::Accepted(_, None, _)
            | Attempt::Answer(_)
            | Attempt::Barrier(..)
            | Attempt::TooWide
            | Attempt::Wait(_)
            | Attempt::NoRoom(_)
            | Attempt::Again => None,
        }
    }
}

impl<R, E> AcceptedChange<R, E> {
    /// Its place, for the next change of the lane.
    pub fn place(&self) -> LanePlace {
        self.place
    }

    fn answer(&mut self, outcome: AcceptedOutcome) -> Option<ChangeAnswer<R, E>> {
        let answer = match (self.waits.take()?, outcome) {
            (Waiting::Reply(reply), outcome) => {
                let ended = || CommitError::Unknown("the store's writer ended".to_owned());
                let commit = outcome.and_then(|commit| commit.ok_or_else(ended));
                let answer = self.space.outcome(commit, reply);
                if answer.is_none() {
                    self.asked.forget();
                }
                answer?
            }
            (Waiting::Answer(answer), Ok(_)) => answer,
            (Waiting::Answer(_), Err(CommitError::Conflict)) => {
                self.asked.forget();
                return None;
            }
            // It writes nothing, so that nothing is left unknown.
            (Waiting::Answer(_), Err(error)) => Err(ChangeError::Failed(CommitError::Unavailable(
                error.to_string(),
            ))),
        };
        self.asked.note();
        Some(self.space.counted(answer))
    }
}

impl<R, E> Drop for AcceptedChange<R, E> {
    fn drop(&mut self) {
        // Decided again, with those that failed before it: then it did not happen.
        if let Some(Waiting::Reply(reply)) = self.waits.take()
            && let Ok(outcome) = self.outcome.try_recv()
        {
            if matches!(outcome, Err(CommitError::Conflict)) {
                self.asked.forget();
            }
            drop(reply.settle(&written(Ok(outcome))));
        }
    }
}

impl<R: Unpin, E: Unpin> Future for AcceptedChange<R, E> {
    type Output = Option<Result<Committed<R>, ChangeError<E>>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let outcome = ready!(Pin::new(&mut this.outcome).poll(context));
        let ended = |_| Err(CommitError::Unknown("the store's writer ended".to_owned()));
        let outcome = outcome.unwrap_or_else(ended);
        Poll::Ready(this.answer(outcome))
    }
}
