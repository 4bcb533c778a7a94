//! The names of one gateway's writes.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// The name of one write of one gateway.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub(crate) struct WriteId {
    /// The gateway's term as the one that writes.
    pub term: u64,
    /// Its writes, counted.
    pub sequence: u64,
}

/// Gives each write of this gateway a write id, while it leads.
#[derive(Debug, Default)]
pub(crate) struct WriteIds {
    /// 0 while somebody else leads.
    term: AtomicU64,
    sequence: AtomicU64,
}

impl WriteIds {
    /// A write id that was never given before; none while somebody else leads.
    pub(crate) fn next(&self) -> Option<WriteId> {
        let term = self.term.load(Ordering::Acquire);
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        (term > 0).then_some(WriteId { term, sequence })
    }

    /// From now on, write ids are of this term; 0 where it is somebody else's.
    pub(crate) fn enter(&self, term: u64) {
        self.term.store(term, Ordering::Release);
    }
}
