//! Wide changes: decided outside the critical section on a snapshot, and checked inside against what was written since.
//!
//! A recursive delete of 300,000 keys holds up nobody while it is decided.

use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::attempt::{Attempt, barrier};
use super::change_turn::ChangeTurn;
use super::decision::{Decided, DecidedWhere};
use super::draft::Draft;
use super::entered::Entered;
use super::keyspace::Keyspace;
use super::pending::PendingSnapshot;
use super::read_write_set::{Effect, ReadWriteSet};
use crate::model::{Caller, Commit};

/// How often it is tried to check nearly all outside, while others write much.
const MOST_ROUNDS: usize = 4;

impl Keyspace {
    /// Attempts a change once, by a decision made outside the critical section: on durable commits alone, and only where no
    /// pending one touches what was decided on.
    pub(crate) fn attempt_outside<R, E>(
        &self,
        caller: &Caller,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        turn: &mut ChangeTurn,
    ) -> Attempt<R, E> {
        let durable = self.inner.applier.current();
        let base = PendingSnapshot::of_durable(&durable);
        let place = (DecidedWhere::Anywhere, true);
        let (decided, set) =
            off_worker(|| self.decide(caller, base, decide, place, &mut turn.asked));
        let (reply, proposal) = match decided {
            Decided::NoWrites(answer) => return Attempt::Answer(answer),
            Decided::TooWide => return Attempt::TooWide,
            // None is decided on outside.
            Decided::Renews(..) => return Attempt::Again,
            Decided::Writes(reply, proposal) => (reply, proposal),
        };
        // It is decided on durable entries alone, so it fails with nothing that is on its way.
        turn.is_prepared = self.inner.store.prepares(&proposal);
        let quotas = self.inner.quotas.as_ref();
        turn.sum = off_worker(|| quotas.and_then(|own| own.sum_of_writes(&proposal.writes)));
        let set = set.unwrap_or_default();
        let Some(mut entered) = self.enter_undisturbed(&set, durable.revision, turn) else {
            turn.was_disturbed(set);
            turn.leave(false);
            return Attempt::Again;
        };
        let base = PendingSnapshot::new(entered.durable(), &entered.pending);
        let mut asked = set.rests_on().into_iter().flat_map(|own| &own.directories);
        let same_counts = asked.all(|(path, directory)| base.directory(path) == *directory);
        let compared = &turn.compared;
        let mut relocks = || match &mut turn.reserved {
            Some(locks) => entered.queue.relock(locks, &set, compared),
            None => true,
        };
        let attempt = if !same_counts {
            turn.was_disturbed(set);
            Attempt::Again
        } else if let Some(order) = entered.order
            && entered.pending.touches(&set)
        {
            turn.was_disturbed(set);
            barrier(&mut entered, order, None)
        } else if !relocks() {
            turn.was_disturbed(set);
            Attempt::Again
        } else {
            self.hand_over(&mut entered, caller, (reply, proposal), Some(set), turn)
        };
        drop(entered);
        turn.leave(attempt.waits());
        attempt
    }

    /// Enters the critical section with a set that no commit since a revision wrote to, and that is compared with those of other
    /// wide changes. Nearly all of that is done before it is entered. `None` where there was such a commit.
    fn enter_undisturbed(
        &self,
        set: &Arc<ReadWriteSet>,
        decided_on: u64,
        turn: &mut ChangeTurn,
    ) -> Option<Entered<'_>> {
        let mut unchecked = decided_on;
        let mut rounds = 0;
        loop {
            let checked = self.inner.applier.current().revision;
            if !off_worker(|| self.is_undisturbed(set, unchecked)) {
                return None;
            }
            unchecked = checked;
            let entered = self.enter_compared(set, turn);
            rounds += 1;
            // What others write all the time does not keep it out for ever.
            if rounds == MOST_ROUNDS || self.inner.applier.history.is_little_from(checked + 1) {
                return self.is_undisturbed(set, checked).then_some(entered);
            }
        }
    }

    /// Enters the critical section once a set is compared with those of other wide changes.
    fn enter_compared(&self, set: &Arc<ReadWriteSet>, turn: &mut ChangeTurn) -> Entered<'_> {
        loop {
            let entered = self.enter();
            let ticket = turn.ticket.as_ref();
            let others = entered.queue.uncompared(set, ticket, &turn.compared);
            if others.is_empty() {
                return entered;
            }
            drop(entered);
            off_worker(|| turn.compared.compare(set, others));
        }
    }

    /// Attempts a change that others disturbed: locks what it is expected to read and write, and then decides it outside the
    /// critical section as [`Keyspace::attempt_outside`] does.
    pub(crate) fn attempt_locked<R, E>(
        &self,
        caller: &Caller,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        turn: &mut ChangeTurn,
    ) -> Attempt<R, E> {
        if turn.reserved.is_some() {
            return self.attempt_outside(caller, decide, turn);
        }
        let expected = turn.expected.clone().unwrap_or_default();
        let mut entered = self.enter_compared(&expected, turn);
        let attempt = match self.lock(&mut entered, Some(expected), turn) {
            Err(woken) => Attempt::Wait(woken),
            Ok(locks) => {
                // It is decided on durable entries: what is on its way there comes first.
                let is_touched = entered.pending.touches(locks.set());
                turn.reserved = Some(locks);
                match entered.order {
                    Some(order) if is_touched => barrier(&mut entered, order, None),
                    Some(_) | None => Attempt::Again,
                }
            }
        };
        drop(entered);
        turn.leave(attempt.waits());
        attempt
    }

    /// Whether no durable commit after a revision wrote what is in the set.
    fn is_undisturbed(&self, set: &ReadWriteSet, revision: u64) -> bool {
        let history = &self.inner.applier.history;
        let found = history.find(revision.saturating_add(1), |commit| {
            disturbs(commit, set).then_some(())
        });
        // Where some of them are not kept any more, nobody knows.
        found == Ok(None)
    }
}

fn disturbs(commit: &Commit, set: &ReadWriteSet) -> bool {
    commit.changes.iter().any(|change| {
        let stays = change.before.is_some() && change.now.is_some();
        let effect = if stays {
            Effect::Changes
        } else {
            Effect::ComesOrGoes
        };
        set.touched_by(&change.key, effect) || set.lacks(change.now.as_deref())
    })
}

/// Runs long work without keeping a worker of the runtime from its other tasks, where there are several.
fn off_worker<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
        return tokio::task::block_in_place(work);
    }
    work()
}
