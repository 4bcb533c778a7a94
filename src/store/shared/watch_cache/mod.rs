//! The watch cache: every entry of the shared log, kept current by its watch, and what is delivered to the keyspace.

pub(super) mod cache;
mod delivery_queue;
pub(super) mod follower;
pub(super) mod periodic_check;
mod recent_history;
mod relist;
