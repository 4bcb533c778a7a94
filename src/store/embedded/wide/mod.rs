//! Wide deletions: commits that delete so many keys that nobody else is to wait while they are made.
//!
//! Nothing that grows with the number of keys is done in the commit's turn, in which it may write a few entries besides. A thread of its own (`thread`) writes the keys to
//! a file (a deletion list) and prepares the next snapshot; the writer takes the keys out of its own maps in steps, between the
//! groups of others (`ahead`). Only then the deletion gets its place in the order and its revision: the journal gets a row that
//! names the list, and the snapshot is shown. Its keys are locked all the while, so that nobody else writes to them.

pub(super) mod ahead;
pub(super) mod deletion;
mod thread;

pub(super) use thread::WideThread;
