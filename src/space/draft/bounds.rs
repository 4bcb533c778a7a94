//! `DraftBounds`: how much a decision may do, and `DraftWork`: how much it has done.

use std::cell::Cell;

/// How much a decision may do. One that does more is stopped: scans end and writes are left out, and its answer is not
/// used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DraftBounds {
    /// The most writes.
    pub(crate) writes: usize,
    /// The most entries that scans pass over.
    pub(crate) scanned: usize,
}

/// How much a decision has done.
#[derive(Debug, Default)]
pub(super) struct DraftWork {
    pub(super) scanned: Cell<usize>,
    pub(super) exceeded: Cell<bool>,
}
