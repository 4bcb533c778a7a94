//! Changes: attempted until they are decided on what stays, and answered when that is durable.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::attempt::{Attempt, Basis};
use super::audit::{self, NotedReply};
use super::change_turn::{ChangeTurn, DecisionPlace};
use super::decision::ChangeAnswer;
use super::denied::Denied;
use super::draft::Draft;
use super::in_flight::{self, InFlight};
use super::keyspace::{ChangeError, Committed, Keyspace};
use super::leases::ReleaseBounds;
use crate::model::{Caller, Commit, LeaseId, LeaseProtocol};
use crate::store::{AcceptedOutcome, CommitError, QueueRoom};

/// The most locked entries that one commit of a lease's end changes: it is written again and again until all are, and
/// others get their turn in between.
const MAX_RELEASED: usize = 1_000;

/// How often a change is decided again because another writer changed the store meanwhile, before it fails.
pub(super) const TRIES: u32 = 64;

/// Why a change is given up that was decided [`TRIES`] times.
pub(super) fn changed_meanwhile<E>() -> ChangeError<E> {
    let why = format!("the entries changed {TRIES} times meanwhile");
    ChangeError::Failed(CommitError::Unavailable(why))
}

impl Keyspace {
    /// Changes the keyspace: `decide` reads and writes a draft, and what it wrote is committed if it says yes.
    ///
    /// It is called inside the critical section, so it must be quick and pure; it is called again whenever what it
    /// read may have changed before its writes were on their way. A future that is dropped while it waits for its
    /// turn changes nothing; dropped later, the change goes on without it.
    pub async fn commit<R, E>(
        &self,
        caller: &Caller,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
    ) -> Result<Committed<R>, ChangeError<E>> {
        self.commit_keeping(caller, &mut None::<()>, decide).await
    }

    /// The same, with what must be kept until the outcome is known, such as a seat. It is away while the store writes, and
    /// back when this returns. A future that is dropped while the store writes leaves it to the change.
    pub async fn commit_keeping<R, E, K: Send + 'static>(
        &self,
        caller: &Caller,
        kept: &mut Option<K>,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
    ) -> Result<Committed<R>, ChangeError<E>> {
        let mut turn = ChangeTurn::default();
        let answer = self
            .change(caller, Basis::Accepted, kept, decide, &mut turn)
            .await;
        self.record_refusal(caller, &answer);
        answer
    }

    /// Records that a change was forbidden, where that is wanted.
    pub(super) fn record_refusal<R, E>(&self, caller: &Caller, answer: &ChangeAnswer<R, E>) {
        if let Err(ChangeError::Denied(denied)) = answer {
            self.record_denial(caller, denied);
        }
    }

    /// Ends a lease of this protocol; says whether there was one. What is bound to it is deleted in the same commit, unless
    /// the store does not take so much at once; of what it locks the rest follows by itself where that is much. What is
    /// `kept` is kept as by [`Keyspace::commit_keeping`].
    pub async fn end_lease<K: Send + 'static>(
        &self,
        caller: &Caller,
        protocol: LeaseProtocol,
        kept: &mut Option<K>,
        id: LeaseId,
    ) -> Result<Committed<bool>, ChangeError<Infallible>> {
        self.commit_in_parts(caller, Basis::Accepted, kept, |draft, most| {
            draft.has_lease(protocol, id) && draft.end_lease_by(id, most)
        })
        .await
    }

    /// Changes the keyspace as [`Keyspace::commit`] does, by a decision that can be made in parts. It gets the most entries
    /// it may change, and less where the store does not take so many at once.
    pub(crate) async fn commit_in_parts<R, K: Send + 'static>(
        &self,
        caller: &Caller,
        basis: Basis<'_>,
        kept: &mut Option<K>,
        decide: impl Fn(&mut Draft<'_>, ReleaseBounds) -> R,
    ) -> Result<Committed<R>, ChangeError<Infallible>> {
        // Each may have a record of its lock delay, too; the lease has one, and its end another.
        let locked = (self.limits().writes / 2)
            .saturating_sub(1)
            .clamp(1, MAX_RELEASED);
        let mut most = ReleaseBounds::whole_but_locked(locked);
        loop {
            let decide = |draft: &mut Draft<'_>| Ok(decide(draft, most));
            let mut turn = ChangeTurn::default();
            let done = self.change(caller, basis, kept, decide, &mut turn).await;
            let is_too_much = matches!(
                done,
                Err(ChangeError::Denied(Denied::TooMuch(_))
                    | ChangeError::Failed(CommitError::TooLarge(_)))
            );
            match most.less() {
                Some(less) if is_too_much => {
                    turn.asked.forget();
                    most = less;
                }
                Some(_) | None => {
                    self.record_refusal(caller, &done);
                    return done;
                }
            }
        }
    }

    pub(super) async fn change<R, E, K: Send + 'static>(
        &self,
        caller: &Caller,
        basis: Basis<'_>,
        kept: &mut Option<K>,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        turn: &mut ChangeTurn,
    ) -> ChangeAnswer<R, E> {
        let mut tries = 0;
        while tries < TRIES {
            let attempt = match turn.place_of_decision() {
                DecisionPlace::Inside => self.attempt(caller, basis, &decide, turn),
                DecisionPlace::Outside => self.attempt_outside(caller, &decide, turn),
                DecisionPlace::OutsideLocked => self.attempt_locked(caller, &decide, turn),
            };
            let answer = match attempt {
                Attempt::TooWide => {
                    turn.is_wide = true;
                    continue;
                }
                Attempt::Wait(woken) => {
                    // A sender that is gone means only that it is worth trying again.
                    let _woken = woken.await;
                    continue;
                }
                Attempt::NoRoom(bytes) => {
                    turn.room = Some(self.room(bytes).await.map_err(ChangeError::Failed)?);
                    continue;
                }
                Attempt::Again => None,
                Attempt::Answer(answer) => Some(answer),
                Attempt::Barrier(barrier, answer) => match passed(barrier).await {
                    Ok(()) => answer,
                    Err(CommitError::Conflict) => None,
                    Err(error) => Some(Err(ChangeError::Failed(error))),
                },
                Attempt::Locked(locks, proposal, mut reply) => {
                    let store = Arc::clone(&self.inner.store);
                    let commit = async move { store.commit(proposal).await };
                    let commit = audit::settling(reply.take_change(), commit);
                    let (outcome, back) = InFlight::new(commit, locks, kept.take()).await;
                    *kept = back;
                    self.outcome(outcome, reply)
                }
                Attempt::Accepted(accepted, None, reply) => {
                    let outcome = in_flight::accepted(accepted.outcome, kept).await;
                    self.outcome(written(outcome), reply)
                }
                Attempt::Accepted(accepted, Some(locks), mut reply) => {
                    let commit = async move { written(accepted.outcome.await) };
                    let commit = audit::settling(reply.take_change(), commit);
                    let (outcome, back) = InFlight::new(commit, locks, kept.take()).await;
                    *kept = back;
                    self.outcome(outcome, reply)
                }
            };
            if let Some(answer) = answer {
                return self.counted(answer);
            }
            tries += 1;
        }
        self.counted(Err(changed_meanwhile()))
    }

    /// The answer of a change that the store has judged; `None` where it must be decided again.
    pub(super) fn outcome<R, E>(
        &self,
        outcome: Result<Arc<Commit>, CommitError>,
        reply: NotedReply<R>,
    ) -> Option<ChangeAnswer<R, E>> {
        let reply = reply.settle(&outcome);
        match outcome {
            Ok(commit) => {
                self.inner.metrics.commits.inc();
                Some(Ok(Committed {
                    reply,
                    revision: commit.revision,
                    commit: Some(commit),
                }))
            }
            Err(CommitError::Conflict) => {
                self.inner.metrics.conflicts.inc();
                None
            }
            Err(error) => Some(Err(ChangeError::Failed(error))),
        }
    }

    pub(super) fn counted<R, E>(&self, answer: ChangeAnswer<R, E>) -> ChangeAnswer<R, E> {
        match &answer {
            Ok(_) => {}
            Err(ChangeError::Refused { .. } | ChangeError::Denied(_)) => {
                self.inner.metrics.refused.inc();
            }
            Err(ChangeError::Failed(_)) => {
                self.inner.metrics.failed.inc();
            }
        }
        answer
    }

    pub(super) async fn room(&self, bytes: usize) -> Result<QueueRoom, CommitError> {
        match &self.inner.order {
            Some(order) => order.room(bytes).await,
            None => Err(CommitError::Unavailable("the store is closed".to_owned())),
        }
    }
}

const ENDED: &str = "the store's writer ended";

/// The commit of an accepted proposal, once it is durable and delivered.
pub(super) fn written(
    outcome: Result<AcceptedOutcome, oneshot::error::RecvError>,
) -> Result<Arc<Commit>, CommitError> {
    let ended = || CommitError::Unknown(ENDED.to_owned());
    outcome.map_err(|_| ended())??.ok_or_else(ended)
}

/// Waits for a barrier. Whoever waits writes nothing, so that nothing is left unknown.
async fn passed(outcome: oneshot::Receiver<AcceptedOutcome>) -> Result<(), CommitError> {
    match outcome.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(CommitError::Conflict)) => Err(CommitError::Conflict),
        Ok(Err(error)) => Err(CommitError::Unavailable(error.to_string())),
        Err(_) => Err(CommitError::Unavailable(ENDED.to_owned())),
    }
}
