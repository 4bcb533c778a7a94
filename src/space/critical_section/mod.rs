//! Critical section of changes: locks what a change reads and writes, and queues changes that clash.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::lock_table::{Compared, LockState, LockTable, TicketNumber};
use super::read_write_set::ReadWriteSet;
use super::retired::retire;

/// Changes whose read-write sets do not clash go to the store side by side, others one after another.
///
/// A change that waits keeps its place: a later one never overtakes an earlier one it clashes with. So a stream of small
/// changes does not starve a wide one, such as a recursive delete.
///
/// What is done under its lock grows with the sets of the changes concerned, not with how many others wait, and only up to a few
/// hundred keys of each: longer ones are compared outside. Each change that waits knows the last of those before it that it
/// clashes with, and is looked at again when they are gone: a thousand writers of one key are a chain.
#[derive(Debug, Default)]
pub(crate) struct CriticalSection {
    state: Mutex<WaitQueue>,
}

#[derive(Debug, Default)]
pub(crate) struct WaitQueue {
    locks: LockTable,
    waiting: HashMap<TicketNumber, Waiting>,
    /// Which change waits for which others that it knows of: first the one that is waited for.
    dependents: BTreeSet<(TicketNumber, TicketNumber)>,
    last_ticket: TicketNumber,
}

#[derive(Debug)]
struct Waiting {
    set: Arc<ReadWriteSet>,
    compared: Compared,
    wake: Option<oneshot::Sender<()>>,
    /// The changes it waits for that were found when it was looked at last.
    blockers: Vec<TicketNumber>,
    /// How many of these are not gone yet.
    left: usize,
}

/// The locks of a change that is in flight; dropping them wakes the changes that wait for them.
#[derive(Debug)]
pub(crate) struct WriteLocks {
    section: Arc<CriticalSection>,
    set: Arc<ReadWriteSet>,
    number: TicketNumber,
}

/// A place in the queue; dropping it gives the place up, as when a client hangs up while it waits.
#[derive(Debug)]
pub(crate) struct Ticket {
    section: Arc<CriticalSection>,
    number: TicketNumber,
}

/// A set that clashes with others, to be enqueued in the same critical section.
#[derive(Debug)]
pub(crate) struct Blocked {
    set: Arc<ReadWriteSet>,
    compared: Compared,
    by: Vec<TicketNumber>,
}

impl CriticalSection {
    /// Enters the critical section.
    pub(crate) fn enter(&self) -> MutexGuard<'_, WaitQueue> {
        self.state.lock()
    }

    /// How many changes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }
}

impl WaitQueue {
    /// The sets that a long one is to be compared with, outside, before it is locked or found to be blocked.
    pub(crate) fn uncompared(
        &self,
        set: &ReadWriteSet,
        ticket: Option<&Ticket>,
        compared: &Compared,
    ) -> Vec<Arc<ReadWriteSet>> {
        self.locks.uncompared(set, place(ticket), compared)
    }

    /// Locks a read-write set unless it clashes with one that is locked or waits before it; or may, as it was not compared.
    pub(crate) fn try_lock(
        &mut self,
        section: &Arc<CriticalSection>,
        set: Arc<ReadWriteSet>,
        ticket: Option<&Ticket>,
        compared: &Compared,
    ) -> Result<WriteLocks, Blocked> {
        let set = self.unblocked(set, ticket, compared)?;
        let number = ticket.map_or_else(|| self.next_number(), |ticket| ticket.number);
        if ticket.is_some() {
            self.let_in(&set, number);
        } else {
            self.locks.add(&set, number, LockState::Held);
        }
        Ok(WriteLocks {
            section: Arc::clone(section),
            set,
            number,
        })
    }

    /// Locks another set in the place of one that is held, unless it clashes with others; says whether it did.
    pub(crate) fn relock(
        &mut self,
        locks: &mut WriteLocks,
        set: &Arc<ReadWriteSet>,
        compared: &Compared,
    ) -> bool {
        if self.is_same(&locks.set, set) {
            return true;
        }
        self.locks.remove(&locks.set, locks.number);
        let blockers = self.locks.blockers(set, locks.number, compared);
        let is_free = blockers.is_empty();
        if is_free {
            locks.set = Arc::clone(set);
        }
        self.locks.add(&locks.set, locks.number, LockState::Held);
        if is_free {
            self.look_again(locks.number);
        }
        is_free
    }

    /// Checks that a read-write set clashes with none that is locked or waits before it.
    pub(crate) fn check(
        &self,
        set: Arc<ReadWriteSet>,
        ticket: Option<&Ticket>,
        compared: &Compared,
    ) -> Result<(), Blocked> {
        self.unblocked(set, ticket, compared).map(drop)
    }

    fn unblocked(
        &self,
        set: Arc<ReadWriteSet>,
        ticket: Option<&Ticket>,
        compared: &Compared,
    ) -> Result<Arc<ReadWriteSet>, Blocked> {
        let by = self.locks.blockers(&set, place(ticket), compared);
        if by.is_empty() {
            return Ok(set);
        }
        let compared = compared.clone();
        Err(Blocked { set, compared, by })
    }

    /// Whether nothing is locked and nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.locks.is_empty()
    }

    /// Takes or keeps a place in the queue; the receiver gets a signal when it is worth trying again.
    pub(crate) fn enqueue(
        &mut self,
        section: &Arc<CriticalSection>,
        blocked: Blocked,
        ticket: Option<Ticket>,
    ) -> (Ticket, oneshot::Receiver<()>) {
        let (wake, woken) = oneshot::channel();
        let Blocked { set, compared, by } = blocked;
        let ticket = ticket.unwrap_or_else(|| Ticket {
            section: Arc::clone(section),
            number: self.next_number(),
        });
        let number = ticket.number;
        let before = self.stop_waiting(number);
        let same = before.as_ref().is_some_and(|own| self.is_same(own, &set));
        if !same {
            if let Some(before) = before {
                self.locks.remove(&before, number);
            }
            self.locks.add(&set, number, LockState::Waiting);
        }
        let waiting = Waiting {
            set,
            compared,
            wake: Some(wake),
            blockers: Vec::new(),
            left: 0,
        };
        self.waiting.insert(number, waiting);
        self.wait_for(number, by);
        if !same {
            // It was decided again, and may not block any more what waited for it.
            self.look_again(number);
        }
        (ticket, woken)
    }

    /// Whether two sets are known to be the same.
    fn is_same(&self, one: &Arc<ReadWriteSet>, other: &Arc<ReadWriteSet>) -> bool {
        Arc::ptr_eq(one, other) || !self.locks.is_long(one) && one == other
    }

    fn next_number(&mut self) -> TicketNumber {
        self.last_ticket += 1;
        self.last_ticket
    }

    /// Gives a change that waited its locks.
    fn let_in(&mut self, set: &Arc<ReadWriteSet>, number: TicketNumber) {
        let before = self.stop_waiting(number);
        if before.as_ref().is_some_and(|own| self.is_same(own, set)) {
            self.locks.hold(set, number);
            return;
        }
        if let Some(before) = before {
            self.locks.remove(&before, number);
        }
        self.locks.add(set, number, LockState::Held);
        self.look_again(number);
    }

    /// Takes a change from those that wait; its set stays in the lock table.
    fn stop_waiting(&mut self, number: TicketNumber) -> Option<Arc<ReadWriteSet>> {
        let waiting = self.waiting.remove(&number)?;
        for blocker in waiting.blockers {
            self.dependents.remove(&(blocker, number));
        }
        Some(waiting.set)
    }

    /// Notes what a change waits for from now on, instead of what was noted before, all of which is gone.
    fn wait_for(&mut self, number: TicketNumber, blockers: Vec<TicketNumber>) {
        let Some(waiting) = self.waiting.get_mut(&number) else {
            return;
        };
        let edges = blockers.iter().map(|blocker| (*blocker, number));
        self.dependents.extend(edges);
        waiting.left = blockers.len();
        waiting.blockers = blockers;
    }

    /// Looks again at the changes that wait for this one, which is gone or has another set.
    fn look_again(&mut self, blocker: TicketNumber) {
        let all = (blocker, 0)..=(blocker, TicketNumber::MAX);
        let dependents: Vec<_> = self.dependents.range(all).copied().collect();
        for edge @ (_, number) in dependents {
            self.dependents.remove(&edge);
            let Some(waiting) = self.waiting.get_mut(&number) else {
                continue;
            };
            waiting.left = waiting.left.saturating_sub(1);
            if waiting.left > 0 {
                continue;
            }
            // Not all that block it were noted, and what comes before it may have been decided again.
            let Waiting { set, compared, .. } = waiting;
            let by = self.locks.blockers(set, number, compared);
            if !by.is_empty() {
                self.wait_for(number, by);
            } else if let Some(wake) = waiting.wake.take() {
                // A receiver that is gone gives up its ticket itself.
                let _gone = wake.send(());
            }
        }
    }
}

/// The place of a change in the queue. Without a ticket it comes after all others.
fn place(ticket: Option<&Ticket>) -> TicketNumber {
    ticket.map_or(TicketNumber::MAX, |ticket| ticket.number)
}

impl WriteLocks {
    /// What is locked.
    pub(crate) fn set(&self) -> &Arc<ReadWriteSet> {
        &self.set
    }
}

impl Drop for WriteLocks {
    fn drop(&mut self) {
        let mut state = self.section.state.lock();
        state.locks.remove(&self.set, self.number);
        state.look_again(self.number);
        let is_long = state.locks.is_long(&self.set);
        drop(state);
        if is_long {
            retire(Arc::clone(&self.set));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.section.state.lock();
        // A change that was let in has its number, and its locks, until it is done.
        if let Some(set) = state.stop_waiting(self.number) {
            state.locks.remove(&set, self.number);
            state.look_again(self.number);
        }
    }
}

#[cfg(test)]
mod tests;
