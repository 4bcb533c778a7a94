//! The watch cache: every entry of the shared log, kept current by its watch, and what is delivered to the keyspace.

pub(super) mod compare;
mod delivery_queue;
pub(super) mod follower;
mod gap;
pub(crate) mod known;
mod past;
pub(super) mod read;
pub(super) mod view;
