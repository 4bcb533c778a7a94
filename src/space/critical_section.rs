//! The critical section: who may go to the store now, and who waits for whom.

use std::collections::VecDeque;

use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use tokio::sync::oneshot;

use super::read_write_set::{LockTable, ReadWriteSet};

/// Lets changes through to the store side by side as long as they do not touch, and one after another where they do.
///
/// Changes that must wait keep their place: a later one never overtakes an earlier one it clashes with, so a change
/// with a wide footprint (a recursive delete) is not starved by a stream of small ones.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    held: LockTable,
    queue: VecDeque<Waiting>,
    last_ticket: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    footprint: ReadWriteSet,
    wake: Option<oneshot::Sender<()>>,
}

/// A footprint on its way to the store; dropping it lets the next ones go.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    footprint: ReadWriteSet,
}

/// A place in the queue; dropping it gives it up, for a client that hung up while it waited.
#[derive(Debug)]
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    number: u64,
}

impl Gate {
    /// Enters the critical section.
    pub(crate) fn enter(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().queue.len()
    }
}

impl State {
    /// Holds the footprint if nothing before it clashes.
    pub(crate) fn pass(
        &mut self,
        gate: &Arc<Gate>,
        footprint: ReadWriteSet,
        ticket: Option<&Ticket>,
    ) -> Result<Pass, ReadWriteSet> {
        let number = ticket.map(|ticket| ticket.number);
        let clear = !self.held.clashes(&footprint)
            && !self
                .queue
                .iter()
                .take_while(|waiting| Some(waiting.ticket) != number)
                .any(|waiting| waiting.footprint.clashes(&footprint));
        if !clear {
            return Err(footprint);
        }
        self.held.hold(&footprint);
        Ok(Pass {
            gate: Arc::clone(gate),
            footprint,
        })
    }

    /// Takes or keeps a place in the queue; the receiver is told when it is worth trying again.
    pub(crate) fn queue(
        &mut self,
        gate: &Arc<Gate>,
        footprint: ReadWriteSet,
        ticket: Option<Ticket>,
    ) -> (Ticket, oneshot::Receiver<()>) {
        let (wake, woken) = oneshot::channel();
        if let Some(ticket) = ticket
            && let Some(own) = self
                .queue
                .iter_mut()
                .find(|waiting| waiting.ticket == ticket.number)
        {
            own.footprint = footprint;
            own.wake = Some(wake);
            return (ticket, woken);
        }
        self.last_ticket += 1;
        self.queue.push_back(Waiting {
            ticket: self.last_ticket,
            footprint,
            wake: Some(wake),
        });
        let ticket = Ticket {
            gate: Arc::clone(gate),
            number: self.last_ticket,
        };
        (ticket, woken)
    }

    /// Wakes those that nothing stands before any more.
    fn wake(&mut self) {
        for place in 0..self.queue.len() {
            let mut earlier = self.queue.iter().take(place);
            let Some(waiting) = self.queue.get(place) else {
                return;
            };
            let clear = waiting.wake.is_some()
                && !self.held.clashes(&waiting.footprint)
                && !earlier.any(|other| other.footprint.clashes(&waiting.footprint));
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

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        state.held.release(&self.footprint);
        state.wake();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
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
    fn a_wide_change_is_not_overtaken() {
        let gate = Arc::new(Gate::default());
        let first = gate.enter().pass(&gate, write("a/1"), None).unwrap();
        let wide = gate
            .enter()
            .pass(&gate, delete_tree("a/", "a/1"), None)
            .unwrap_err();
        let (wide, mut woken) = gate.enter().queue(&gate, wide, None);
        // It does not touch what is held, but what the wide one waits for.
        assert!(gate.enter().pass(&gate, write("a/2"), None).is_err());
        assert!(woken.try_recv().is_err());
        drop(first);
        assert!(woken.try_recv().is_ok());
        let pass = gate
            .enter()
            .pass(&gate, delete_tree("a/", "a/1"), Some(&wide));
        assert!(pass.is_ok());
    }

    #[test]
    fn giving_up_a_place_lets_the_next_one_go() {
        let gate = Arc::new(Gate::default());
        let held = gate.enter().pass(&gate, write("b"), None).unwrap();
        let (wide, _) = gate.enter().queue(&gate, delete_tree("", "b"), None);
        let (_small, mut woken) = gate.enter().queue(&gate, write("a"), None);
        drop(wide);
        assert!(
            woken.try_recv().is_ok(),
            "nothing stands before it any more"
        );
        drop(held);
    }
}
