//! `LockedSet`: a read-write set as a whole, of a change that is in flight or waits.

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
