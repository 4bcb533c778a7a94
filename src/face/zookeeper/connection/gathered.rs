//! `GatheredCreates`: creates of sequence nodes of one connection that are made together, where each would wait for the one
//! before it.
//!
//! They alone are: what shares a commit shares a revision, and an etcd v2 client that resumes at index + 1 gets the event of one.

use std::sync::Arc;

use super::lane::RequestTicket;
use crate::face::zookeeper::operations::ChangeRequest;
use crate::fairness::Cost;

/// The most that are made together.
const MOST: usize = 64;

/// The most bytes of theirs.
const MOST_BYTES: usize = 256 << 10;

/// Creates under one parent that are made together, in their order.
#[derive(Debug, Default)]
pub(super) struct GatheredCreates {
    /// The node whose children they number.
    pub(super) counter: String,
    pub(super) changes: Vec<(RequestTicket, Arc<ChangeRequest>)>,
    bytes: usize,
    closed: bool,
}

impl GatheredCreates {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether there may be one more.
    pub(super) fn has_room(&self) -> bool {
        !self.closed && self.changes.len() < MOST && self.bytes < MOST_BYTES
    }

    /// Whether a create with this counter goes with those that there are.
    pub(super) fn takes(&self, counter: &str) -> bool {
        self.is_empty() || self.counter == counter
    }

    /// Adds one.
    pub(super) fn push(
        &mut self,
        counter: String,
        ticket: RequestTicket,
        change: Arc<ChangeRequest>,
    ) {
        self.counter = counter;
        self.bytes = self.bytes.saturating_add(ticket.bytes);
        self.changes.push((ticket, change));
    }

    /// Takes in no more.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// How much work they are.
    pub(super) fn cost(&self) -> Cost {
        Cost::new(self.changes.len(), self.bytes)
    }
}
