//! The gateway's copy of the objects, updated by each event of the watch.

pub(crate) mod object_cache;
pub(crate) mod slot;
