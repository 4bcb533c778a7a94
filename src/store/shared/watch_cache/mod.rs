//! The watch cache: every entry of the shared log in memory, kept current by the log's watch.
//!
//! [`follower`] lists and watches the log, [`cache`] holds the state, [`relist`] finds the changes between two full lists,
//! and [`delivery_queue`] passes commits to the keyspace of the gateway that leads.

#[cfg(test)]
mod broken_log;
mod cache;
mod delivery_queue;
pub(super) mod follower;
mod pending_writes;
pub(super) mod periodic_check;
mod recent_history;
mod relist;
mod retry;
pub(super) mod status;
