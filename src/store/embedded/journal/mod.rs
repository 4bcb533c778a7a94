//! The journal: batches that are synced before they are answered, in files of a directory, and what a start makes of them.
//!
//! Every batch is synced before the next one begins. So a broken batch at the end was never acknowledged, and is cut off; a
//! broken batch with whole batches after it was acknowledged, and the store is refused. The journals of the layout before
//! this one are fjall's, in the same format: fjall cuts a journal off at the first byte it cannot decode, whatever follows, and
//! refuses one whose last batch has the right shape but the wrong bytes, so they are read before fjall opens them.

mod batch;
mod contents;
mod encode;
mod list_file;
mod scan;
mod segment;
#[cfg(test)]
mod tests;
mod torn;

pub(super) use contents::{JournalRow, list_rows, read_all};
pub(super) use encode::encode;
pub(super) use list_file::{ListFile, remove_unnamed};
pub(super) use segment::{Segment, begin, prepare};
pub(super) use torn::{TornJournal, check};
