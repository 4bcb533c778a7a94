//! fjall's journal files, read before fjall opens them, so that a torn journal is told from a damaged one.
//!
//! fjall cuts a journal off at the first byte it cannot decode, whatever follows, and refuses one whose last batch has
//! the right shape but the wrong bytes. Here every batch is synced before the next one begins, so a better rule holds: a
//! broken batch at the end was never acknowledged, and is cut off; a broken batch with whole batches after it was
//! acknowledged, and the store is refused.

mod batch;
mod scan;
#[cfg(test)]
mod tests;
mod torn;

pub(super) use torn::{TornJournal, check};
