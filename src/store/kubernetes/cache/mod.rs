//! The cache of the namespace's objects, updated by each event of the watch.

pub(crate) mod apply;
mod apply_entry;
mod apply_journal;
pub(crate) mod leader_object;
pub(crate) mod object_cache;
pub(crate) mod shared_cache;
pub(crate) mod slot;
mod stale_write;
pub(crate) mod transactions;
