//! Critical section of changes: locks what a change reads and writes, and queues changes that clash.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::lock_table::{LockState, LockTable, TicketNumber};
use super::read_write_set::ReadWriteSet;

/// Changes whose read-write sets do not clash go to the store side by side, others one after another.
///
/// A change that waits keeps its place: a later one never overtakes an earlier one it clashes with. So a stream of small
/// changes does not starve a wide one, such as a recursive delete.
///
/// What is done under its lock grows with the sets of the changes concerned, not with how many others wait. Each change
/// that waits knows the last of those before it that it clashes with, and is looked at again when they are gone: a
/// thousand writers of one key are a chain.
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
    set: ReadWriteSet,
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
    set: ReadWriteSet,
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
    set: ReadWriteSet,
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
    /// Locks a read-write set unless it clashes with one that is locked or waits before it.
    pub(crate) fn try_lock(
        &mut self,
        section: &Arc<CriticalSection>,
        set: ReadWriteSet,
        ticket: Option<&Ticket>,
    ) -> Result<WriteLocks, Blocked> {
        let set = self.unblocked(set, ticket)?;
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
    pub(crate) fn relock(&mut self, locks: &mut WriteLocks, set: &ReadWriteSet) -> bool {
        if locks.set == *set {
            return true;
        }
        self.locks.remove(&locks.set, locks.number);
        let is_free = self.locks.blockers(set, locks.number).is_empty();
        if is_free {
            locks.set = set.clone();
        }
        self.locks.add(&locks.set, locks.number, LockState::Held);
        if is_free {
            self.look_again(locks.number);
        }
        is_free
    }

    /// Checks that a read-write set clashes with none that is locked or waits before it.
    pub(crate) fn check(&self, set: ReadWriteSet, ticket: Option<&Ticket>) -> Result<(), Blocked> {
        self.unblocked(set, ticket).map(drop)
    }

    fn unblocked(
        &self,
        set: ReadWriteSet,
        ticket: Option<&Ticket>,
    ) -> Result<ReadWriteSet, Blocked> {
        // Without a ticket it comes after all others.
        let place = ticket.map_or(TicketNumber::MAX, |ticket| ticket.number);
        let by = self.locks.blockers(&set, place);
        if by.is_empty() {
            Ok(set)
        } else {
            Err(Blocked { set, by })
        }
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
        let Blocked { set, by } = blocked;
        let ticket = ticket.unwrap_or_else(|| Ticket {
            section: Arc::clone(section),
            number: self.next_number(),
        });
        let number = ticket.number;
        let before = self.stop_waiting(number);
        let same = before.as_ref().is_some_and(|before| *before == set);
        if !same {
            if let Some(before) = before {
                self.locks.remove(&before, number);
            }
            self.locks.add(&set, number, LockState::Waiting);
        }
        let waiting = Waiting {
            set,
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

    fn next_number(&mut self) -> TicketNumber {
        self.last_ticket += 1;
        self.last_ticket
    }

    /// Gives a change that waited its locks.
    fn let_in(&mut self, set: &ReadWriteSet, number: TicketNumber) {
        let before = self.stop_waiting(number);
        if before.as_ref() == Some(set) {
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
    fn stop_waiting(&mut self, number: TicketNumber) -> Option<ReadWriteSet> {
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
            let by = self.locks.blockers(&waiting.set, number);
            if !by.is_empty() {
                self.wait_for(number, by);
            } else if let Some(wake) = waiting.wake.take() {
                // A receiver that is gone gives up its ticket itself.
                let _gone = wake.send(());
            }
        }
    }
}

impl WriteLocks {
    /// What is locked.
    pub(crate) fn set(&self) -> &ReadWriteSet {
        &self.set
    }
}

impl Drop for WriteLocks {
    fn drop(&mut self) {
        let mut state = self.section.state.lock();
        state.locks.remove(&self.set, self.number);
        state.look_again(self.number);
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
mod tests {
    use super::*;
    use crate::model::Key;
    use crate::space::read_write_set::{Depth, Effect, Span};
    use std::ops::Bound;

    type Woken = oneshot::Receiver<()>;

    fn write(key: &str) -> ReadWriteSet {
        ReadWriteSet::new(Vec::new(), vec![(Key::user(key), Effect::ComesOrGoes)])
    }

    fn delete_tree(prefix: &str, keys: &[Key]) -> ReadWriteSet {
        let prefix = Key::user(prefix);
        let end = prefix
            .prefix_end()
            .map_or(Bound::Unbounded, Bound::Excluded);
        let writes = keys.iter().map(|key| (key.clone(), Effect::ComesOrGoes));
        ReadWriteSet::new(
            vec![(Span::new(&prefix, end), Depth::Entries)],
            writes.collect(),
        )
    }

    struct Changes(Arc<CriticalSection>);

    impl Changes {
        fn new() -> Self {
            Self(Arc::default())
        }

        fn try_lock(&self, set: ReadWriteSet, ticket: Option<&Ticket>) -> Option<WriteLocks> {
            self.0.enter().try_lock(&self.0, set, ticket).ok()
        }

        /// As a change that finds itself blocked.
        fn wait(&self, set: ReadWriteSet, ticket: Option<Ticket>) -> (Ticket, Woken) {
            let mut section = self.0.enter();
            let blocked = section.try_lock(&self.0, set, ticket.as_ref());
            section.enqueue(&self.0, blocked.unwrap_err(), ticket)
        }

        fn steps(&self) -> usize {
            self.0.enter().locks.take_steps()
        }

        fn is_idle(&self) -> bool {
            let section = self.0.enter();
            section.is_idle() && section.waiting.is_empty() && section.dependents.is_empty()
        }
    }

    #[test]
    fn a_change_of_many_keys_is_not_overtaken() {
        let changes = Changes::new();
        let delete = || delete_tree("a/", &[Key::user("a/1")]);
        let first = changes.try_lock(write("a/1"), None).unwrap();
        let (wide, mut woken) = changes.wait(delete(), None);
        // It does not clash with what is locked, but with the wide change that waits.
        assert!(changes.try_lock(write("a/2"), None).is_none());
        assert!(woken.try_recv().is_err());
        drop(first);
        assert!(woken.try_recv().is_ok());
        assert!(changes.try_lock(delete(), Some(&wide)).is_some());
        drop(wide);
        assert!(changes.is_idle());
    }

    #[test]
    fn cancelling_a_queued_change_unblocks_the_next() {
        let changes = Changes::new();
        let locks = changes.try_lock(write("b"), None).unwrap();
        let (wide, _) = changes.wait(delete_tree("", &[Key::user("b")]), None);
        let (small, mut woken) = changes.wait(write("a"), None);
        drop(wide);
        assert!(woken.try_recv().is_ok(), "nothing blocks it any more");
        drop((locks, small));
        assert!(changes.is_idle());
    }

    #[test]
    fn a_change_that_is_decided_again_blocks_what_it_clashes_with_now() {
        let changes = Changes::new();
        let b = changes.try_lock(write("b"), None).unwrap();
        let c = changes.try_lock(write("c"), None).unwrap();
        let (first, mut first_woken) = changes.wait(write("b"), None);
        let (second, mut second_woken) = changes.wait(write("b"), None);
        let (third, mut third_woken) = changes.wait(write("c"), None);
        drop(b);
        assert!(first_woken.try_recv().is_ok() && second_woken.try_recv().is_err());
        // Decided again it needs another key, and what waited for it goes on.
        let (first, mut first_woken) = changes.wait(write("c"), Some(first));
        assert!(second_woken.try_recv().is_ok());
        // It kept its place, before the change that waits for that key already.
        drop(c);
        assert!(first_woken.try_recv().is_ok() && third_woken.try_recv().is_err());
        let held = changes.try_lock(write("c"), Some(&first)).unwrap();
        drop(first);
        assert!(third_woken.try_recv().is_err(), "the key is in use");
        drop(held);
        assert!(third_woken.try_recv().is_ok());
        drop((second, third));
        assert!(changes.is_idle());
    }

    #[test]
    fn changes_of_one_key_that_give_up_in_any_order_leave_the_others_their_turns() {
        let changes = Changes::new();
        let held = changes.try_lock(write("k"), None).unwrap();
        let mut waiting: Vec<_> = (0..100)
            .map(|_| Some(changes.wait(write("k"), None)))
            .collect();
        for gone in (0..100).filter(|place| place % 3 != 0).rev() {
            waiting[gone] = None;
        }
        drop(held);
        for (ticket, mut woken) in waiting.into_iter().flatten() {
            assert!(woken.try_recv().is_ok());
            drop(changes.try_lock(write("k"), Some(&ticket)).unwrap());
        }
        assert!(changes.is_idle());
    }

    #[test]
    fn each_of_a_thousand_writers_of_one_key_is_looked_at_a_few_times() {
        const WRITERS: usize = 1_000;
        let changes = Changes::new();
        let mut held = changes.try_lock(write("k"), None).unwrap();
        let waiting: Vec<_> = (0..WRITERS)
            .map(|_| changes.wait(write("k"), None))
            .collect();
        for (ticket, mut woken) in waiting {
            assert!(woken.try_recv().is_err());
            drop(held);
            assert!(woken.try_recv().is_ok());
            held = changes.try_lock(write("k"), Some(&ticket)).unwrap();
        }
        drop(held);
        let steps = changes.steps();
        assert!(steps <= 16 * WRITERS, "{steps} steps");
        assert!(changes.is_idle());
    }

    /// Each waits for a write of one of its keys; then the first of them for the other's end, beside it.
    #[test]
    fn wide_deletes_that_meet_in_the_queue_cost_what_they_are_long() {
        const KEYS: usize = 20_000;
        let changes = Changes::new();
        let keys = |tree: &str| -> Vec<Key> {
            (0..KEYS)
                .map(|key| Key::user(format!("{tree}/{key:06}")))
                .collect()
        };
        let trees = [keys("a"), keys("b")];
        let sets = [delete_tree("a/", &trees[0]), delete_tree("b/", &trees[1])];
        let blockers =
            ["a/010000", "b/010000"].map(|key| changes.try_lock(write(key), None).unwrap());
        let waiting = sets.clone().map(|set| changes.wait(set, None));
        changes.steps();
        // Others in the meantime.
        for other in 0..100 {
            drop(
                changes
                    .try_lock(write(&format!("c/{other}")), None)
                    .unwrap(),
            );
        }
        let steps = changes.steps();
        assert!(
            steps <= 100 * 10,
            "{steps} steps for a hundred small changes"
        );
        drop(blockers);
        for ((ticket, mut woken), set) in waiting.into_iter().zip(sets) {
            assert!(woken.try_recv().is_ok());
            drop(changes.try_lock(set, Some(&ticket)).unwrap());
        }
        let steps = changes.steps();
        assert!(steps <= 10 * 2 * KEYS, "{steps} steps");
        assert!(changes.is_idle());
    }
}
