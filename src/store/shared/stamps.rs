//! The names of one gateway's writes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::record::Stamp;

/// Gives each write of this gateway a stamp, while it leads.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    /// 0 while somebody else leads.
    term: AtomicU64,
    sequence: AtomicU64,
}

impl Stamps {
    /// A stamp that was never given before; none while somebody else leads.
    pub(crate) fn next(&self) -> Option<Stamp> {
        let term = self.term.load(Ordering::Acquire);
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        (term > 0).then_some(Stamp { term, sequence })
    }

    /// From now on, stamps are of this term; 0 where it is somebody else's.
    pub(crate) fn enter(&self, term: u64) {
        self.term.store(term, Ordering::Release);
    }
}
