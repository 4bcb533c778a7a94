//! libnetwork of Docker 20.10, as far as its cluster store sees it.
//!
//! A [`Daemon`] reads, changes and compares-and-swaps the records as a real one does, with the same loops on a conflict, so any
//! number of them works on one store at once. What needs no store is left out.

mod allocator;
mod bit_handle;
mod container_start;
mod container_stop;
mod daemon;
mod datastore;
mod endpoint_watch;
mod ids;
mod lookup;
mod network_create;
mod network_list;
mod network_remove;
mod overlay_driver;
mod restart;
mod start;
mod watched_networks;

pub use daemon::{Daemon, DaemonIdentity, Gossip};
pub use datastore::Datastore;
pub use overlay_driver::OverlayDriver;
