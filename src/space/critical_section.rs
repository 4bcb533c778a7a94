//! Critical section of changes: locks what a change reads and writes, and queues changes that clash.

use std::collections::VecDeque;

use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use tokio::sync::oneshot;

use super::read_write_set::{LockTable, ReadWriteSet};

/// Changes whose read-write sets do not clash go to the store side by side, others one after another.
///
/// A change that waits keeps its place: a later one never overtakes an earlier one it clashes with. So a stream of small
/// changes does not starve a wide one, such as a recursive delete.
#[derive(Debug, Default)]
pub(crate) struct CriticalSection {
    state: Mutex<WaitQueue>,
}

#[derive(Debug, Default)]
pub(crate) struct WaitQueue {
    locks: LockTable,
    queue: VecDeque<Waiting>,
    last_ticket: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    set: ReadWriteSet,
    wake: Option<oneshot::Sender<()>>,
}

/// The locks of a change that is in flight; dropping them wakes the changes that wait for them.
#[derive(Debug)]
pub(crate) struct WriteLocks {
    section: Arc<CriticalSection>,
    set: ReadWriteSet,
}

/// A place in the queue; dropping it gives the place up, as when a client hangs up while it waits.
#[derive(Debug)]
pub(crate) struct Ticket {
    section: Arc<CriticalSection>,
    number: u64,
}

impl CriticalSection {
    /// Enters the critical section.
    pub(crate) fn enter(&self) -> MutexGuard<'_, WaitQueue> {
        self.state.lock()
    }

    /// How many changes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().queue.len()
    }
}

impl WaitQueue {
    /// Locks a read-write set unless it clashes with one that is locked or waits before it.
    pub(crate) fn try_lock(
        &mut self,
        section: &Arc<CriticalSection>,
        set: ReadWriteSet,
        ticket: Option<&Ticket>,
    ) -> Result<WriteLocks, ReadWriteSet> {
        let number = ticket.map(|ticket| ticket.number);
        let clear = !self.locks.clashes(&set)
            && !self
                .queue
                .iter()
                .take_while(|waiting| Some(waiting.ticket) != number)
                .any(|waiting| waiting.set.clashes(&set));
        if !clear {
            return Err(set);
        }
        self.locks.hold(&set);
        Ok(WriteLocks {
            section: Arc::clone(section),
            set,
        })
    }

    /// As [`WaitQueue::try_lock`], without locking it.
    pub(crate) fn check(
        &self,
        set: ReadWriteSet,
        ticket: Option<&Ticket>,
    ) -> Result<(), ReadWriteSet> {
        let number = ticket.map(|ticket| ticket.number);
        let clear = !self.locks.clashes(&set)
            && !self
                .queue
                .iter()
                .take_while(|waiting| Some(waiting.ticket) != number)
                .any(|waiting| waiting.set.clashes(&set));
        if clear { Ok(()) } else { Err(set) }
    }

    /// Whether nothing is locked and nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.locks.is_empty()
    }

    /// Takes or keeps a place in the queue; the receiver gets a signal when it is worth trying again.
    pub(crate) fn enqueue(
        &mut self,
        section: &Arc<CriticalSection>,
        set: ReadWriteSet,
        ticket: Option<Ticket>,
    ) -> (Ticket, oneshot::Receiver<()>) {
        let (wake, woken) = oneshot::channel();
        if let Some(ticket) = ticket
            && let Some(own) = self
                .queue
                .iter_mut()
                .find(|waiting| waiting.ticket == ticket.number)
        {
            own.set = set;
            own.wake = Some(wake);
            return (ticket, woken);
        }
        self.last_ticket += 1;
        self.queue.push_back(Waiting {
            ticket: self.last_ticket,
            set,
            wake: Some(wake),
        });
        let ticket = Ticket {
            section: Arc::clone(section),
            number: self.last_ticket,
        };
        (ticket, woken)
    }

    /// Wakes the changes that nothing before them blocks any more.
    fn wake(&mut self) {
        for place in 0..self.queue.len() {
            let mut earlier = self.queue.iter().take(place);
            let Some(waiting) = self.queue.get(place) else {
                return;
            };
            let clear = waiting.wake.is_some()
                && !self.locks.clashes(&waiting.set)
                && !earlier.any(|other| other.set.clashes(&waiting.set));
            if clear
                && let Some(waiting) = self.queue.get_mut(place)
                && let Some(wake) = waiting.wake.take()
            {
                // A receiver that is gone gives up its ticket itself.
                let _gone = wake.send(());
            }
        }
    }
}

impl Drop for WriteLocks {
    fn drop(&mut self) {
        let mut state = self.section.state.lock();
        state.locks.release(&self.set);
        state.wake();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.section.state.lock();
        state.queue.retain(|waiting| waiting.ticket != self.number);
        state.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Key;
    use crate::space::read_write_set::{Depth, Effect, Span};
    use std::ops::Bound;

    fn write(key: &str) -> ReadWriteSet {
        ReadWriteSet {
            reads: Vec::new(),
            writes: vec![(Key::user(key), Effect::ComesOrGoes)],
        }
    }

    fn delete_tree(prefix: &str, key: &str) -> ReadWriteSet {
        ReadWriteSet {
            reads: vec![(
                Span::new(&Key::user(prefix), Bound::Excluded(Key::system(""))),
                Depth::Entries,
            )],
            writes: vec![(Key::user(key), Effect::ComesOrGoes)],
        }
    }

    #[test]
    fn a_change_of_many_keys_is_not_overtaken() {
        let section = Arc::new(CriticalSection::default());
        let first = section
            .enter()
            .try_lock(&section, write("a/1"), None)
            .unwrap();
        let wide = section
            .enter()
            .try_lock(&section, delete_tree("a/", "a/1"), None)
            .unwrap_err();
        let (wide, mut woken) = section.enter().enqueue(&section, wide, None);
        // It does not clash with what is locked, but with the wide change that waits.
        assert!(
            section
                .enter()
                .try_lock(&section, write("a/2"), None)
                .is_err()
        );
        assert!(woken.try_recv().is_err());
        drop(first);
        assert!(woken.try_recv().is_ok());
        let locked = section
            .enter()
            .try_lock(&section, delete_tree("a/", "a/1"), Some(&wide));
        assert!(locked.is_ok());
    }

    #[test]
    fn cancelling_a_queued_change_unblocks_the_next() {
        let section = Arc::new(CriticalSection::default());
        let locks = section
            .enter()
            .try_lock(&section, write("b"), None)
            .unwrap();
        let (wide, _) = section
            .enter()
            .enqueue(&section, delete_tree("", "b"), None);
        let (_small, mut woken) = section.enter().enqueue(&section, write("a"), None);
        drop(wide);
        assert!(woken.try_recv().is_ok(), "nothing blocks it any more");
        drop(locks);
    }
}
