//! Clients: one connection each, which performs one operation at a time in its protocol.

mod api_server;
mod consul;
mod etcd2;
mod event_stream;
mod failure;
mod key_path;
mod outcome;
mod reach;

pub use api_server::ApiServerClient;
pub use consul::ConsulClient;
pub use etcd2::Etcd2Client;
pub use failure::Failure;
pub(in crate::bench) use failure::io_text;
pub(in crate::bench) use key_path::key_path;
pub use outcome::Outcome;

/// The promise of a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// Every write that was answered before the read is seen: Consul's `consistent`, etcd's `quorum=true` and its ranges,
    /// ZooKeeper's `sync` before the read.
    #[default]
    Linearizable,
    /// The read that the protocol makes when nothing is asked for; serializable on etcd 3.
    Default,
}

/// The TTL of a session that stays idle, in seconds: it ends by itself soon after it was measured.
pub const IDLE_TTL: u32 = 120;

/// A lock that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldLock {
    /// Consul's session that holds the key.
    Session(String),
    /// The index of etcd v2's entry.
    Index(u64),
    /// ZooKeeper's node or etcd v3's key that has its place in the queue.
    Place(String),
}
