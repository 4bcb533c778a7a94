//! `LockedSet`: a read-write set as a whole, of a change that is in flight or waits.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lock_users::{LockState, TicketNumber};
use crate::space::read_write_set::ReadWriteSet;

/// A set with what became of its change.
#[derive(Debug)]
pub(super) struct LockedSet {
    pub(super) set: Arc<ReadWriteSet>,
    pub(super) state: LockState,
}

impl LockedSet {
    /// Whether its change, which has the first number, comes before one with the other.
    pub(super) fn precedes(&self, own: TicketNumber, other: TicketNumber) -> bool {
        self.state == LockState::Held || own < other
    }
}

/// Sets by the numbers of their changes. Nearly every change enters last, and leaves about first: an ordered queue takes and
/// gives them without allocating, in the critical section.
#[derive(Debug, Default)]
pub(super) struct LockedSets(VecDeque<(TicketNumber, LockedSet)>);

impl LockedSets {
    /// Adds the set of a change that has none here.
    pub(super) fn insert(&mut self, number: TicketNumber, locked: LockedSet) {
        if self.0.back().is_none_or(|(last, _)| *last < number) {
            self.0.push_back((number, locked));
        } else if let Err(place) = self.place(number) {
            self.0.insert(place, (number, locked));
        }
    }

    pub(super) fn get_mut(&mut self, number: TicketNumber) -> Option<&mut LockedSet> {
        let place = self.place(number).ok()?;
        self.0.get_mut(place).map(|(_, locked)| locked)
    }

    pub(super) fn remove(&mut self, number: TicketNumber) {
        if let Ok(place) = self.place(number) {
            self.0.remove(place);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (TicketNumber, &LockedSet)> {
        self.0.iter().map(|(number, locked)| (*number, locked))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, number: TicketNumber) -> Result<usize, usize> {
        self.0.binary_search_by_key(&number, |(own, _)| *own)
    }
}
