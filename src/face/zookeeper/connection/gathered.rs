//! `GatheredChanges`: changes of one connection that are made together, where each would wait for the one before it.

use std::sync::Arc;

use super::lane::RequestTicket;
use crate::face::zookeeper::operations::ChangeRequest;
use crate::fairness::Cost;

/// The most that are made together.
const MOST: usize = 64;

/// The most bytes of theirs.
const MOST_BYTES: usize = 256 << 10;

/// Changes that are made together, in their order.
#[derive(Debug, Default)]
pub(super) struct GatheredChanges {
    pub(super) changes: Vec<(RequestTicket, Arc<ChangeRequest>)>,
    bytes: usize,
    closed: bool,
}

impl GatheredChanges {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether there may be one more.
    pub(super) fn has_room(&self) -> bool {
        !self.closed && self.changes.len() < MOST && self.bytes < MOST_BYTES
    }

    /// Adds one.
    pub(super) fn push(&mut self, ticket: RequestTicket, change: Arc<ChangeRequest>) {
        self.bytes = self.bytes.saturating_add(ticket.bytes);
        self.changes.push((ticket, change));
    }

    /// Takes in no more.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// How much work they are.
    pub(super) fn cost(&self) -> Cost {
        let all = self.changes.iter();
        let steps = all.map(|(_, change)| change.steps()).sum();
        Cost::new(steps, self.bytes)
    }
}
