//! The options of idle clients.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bench::measure::ServerProcesses;

/// What is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdleKind {
    /// Connections that are kept after a request; on ZooKeeper's protocol with the session that each has.
    Connection,
    /// Sessions without a connection of their own: Consul's sessions, keys with a TTL of etcd v2, leases of etcd v3, and ZooKeeper's
    /// sessions whose clients have disconnected.
    Session,
}

impl IdleKind {
    /// The name in commands and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Session => "session",
        }
    }
}

/// Idle clients.
#[derive(Clone, Debug)]
pub struct IdleOptions {
    /// What is idle.
    pub kind: IdleKind,
    /// How many are opened.
    pub count: u32,
    /// What the keys begin with that they write.
    pub prefix: String,
    /// How long each has to open.
    pub timeout: Duration,
    /// How long the server rests before the memory is read: before they are opened, and with all of them.
    pub settle: Duration,
    /// The server's processes.
    pub server: ServerProcesses,
}
