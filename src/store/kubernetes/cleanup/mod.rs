//! Cleanup by the leader: transactions to write out, tombstones and stale writes to remove.

pub(crate) mod tasks;
