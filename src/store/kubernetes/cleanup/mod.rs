//! Cleanup by the leader: transactions to finish, tombstones and stale writes to remove.

pub(crate) mod run;
pub(crate) mod tasks;
