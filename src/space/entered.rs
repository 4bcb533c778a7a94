//! `Entered`: the critical section, entered: its queue, what is pending and what is durable.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::critical_section::WaitQueue;
use super::keyspace::Keyspace;
use super::pending::PendingCommits;
use super::snapshot::Snapshot;
use crate::store::CommitOrder;

/// The critical section, entered.
pub(crate) struct Entered<'a> {
    pub(crate) queue: MutexGuard<'a, WaitQueue>,
    pub(crate) pending: MutexGuard<'a, PendingCommits>,
    pub(crate) durable: Arc<Snapshot>,
    /// The store's generation and order, where proposals are accepted in order now.
    pub(crate) order: Option<(u64, &'a dyn CommitOrder)>,
    /// Dropped last.
    _wakes: StoreWake<'a>,
}

/// Wakes the store when the critical section is left: to wake a thread takes longer than most decisions, for which others
/// would wait.
struct StoreWake<'a>(Option<&'a dyn CommitOrder>);

impl Drop for StoreWake<'_> {
    fn drop(&mut self) {
        if let Some(order) = self.0 {
            order.wake();
        }
    }
}

impl Entered<'_> {
    /// The durable entries.
    pub(crate) fn durable(&self) -> &Snapshot {
        &self.durable
    }
}

impl Keyspace {
    /// Enters the critical section.
    pub(crate) fn enter(&self) -> Entered<'_> {
        let queue = self.inner.section.enter();
        let mut pending = self.inner.pending.lock();
        if pending.generation().is_none()
            && let Some(order) = &self.inner.order
        {
            pending.begin(order.generation());
        }
        // After the generation is known: the snapshot then has all that is left of earlier ones.
        let durable = self.inner.applier.current();
        pending.settle(&durable);
        let order = pending.generation().zip(self.inner.order.as_deref());
        Entered {
            queue,
            pending,
            durable,
            order,
            _wakes: StoreWake(self.inner.order.as_deref()),
        }
    }
}
