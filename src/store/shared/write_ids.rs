//! Write ids: the unique names of one gateway's writes.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// The highest term that is believed of a write id. Each term is one above the last, so a higher one was written by hand;
/// and there must be numbers left to go on with.
pub(crate) const HIGHEST_TERM: u64 = 1 << 52;

/// The highest term among write ids, for a list without a leader record: terms go on from it.
pub(crate) fn highest_term<'a>(write_ids: impl IntoIterator<Item = &'a WriteId>) -> u64 {
    let terms = write_ids.into_iter().map(|write_id| write_id.term);
    terms
        .filter(|term| *term <= HIGHEST_TERM)
        .max()
        .unwrap_or(0)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn term_that_leaves_none_to_go_on_with_is_not_believed() {
        let write_id = |term| WriteId { term, sequence: 1 };
        let found = [write_id(3), write_id(u64::MAX), write_id(7)];
        assert_eq!(highest_term(&found), 7);
        assert_eq!(highest_term(&[]), 0);
    }
}
