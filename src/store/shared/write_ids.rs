//! Write ids: the unique names of one gateway's writes.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// The name of one write of one gateway.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub(crate) struct WriteId {
    /// The term in which its gateway led.
    pub term: u64,
    /// The number of the write among those of that gateway.
    pub sequence: u64,
}

/// The generator of this gateway's write ids; it gives none while another gateway leads.
#[derive(Debug, Default)]
pub(crate) struct WriteIds {
    /// 0 while another gateway leads.
    term: AtomicU64,
    sequence: AtomicU64,
}

impl WriteIds {
    /// A write id that was never given before; `None` while another gateway leads.
    pub(crate) fn next(&self) -> Option<WriteId> {
        let term = self.term.load(Ordering::Acquire);
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        (term > 0).then_some(WriteId { term, sequence })
    }

    /// Gives write ids of this term from now on; 0 means that another gateway leads.
    pub(crate) fn enter(&self, term: u64) {
        self.term.store(term, Ordering::Release);
    }
}
