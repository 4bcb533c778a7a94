//! Who is asking.

use std::net::SocketAddr;

/// The protocol a request came by; names metrics and log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaceName {
    /// Consul's HTTP API.
    Consul,
    /// etcd's API, version 2.
    Etcd2,
}

impl FaceName {
    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consul => "consul",
            Self::Etcd2 => "etcd",
        }
    }
}

/// On whose behalf the keyspace is read or changed; the guard decides by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client of a face.
    Client {
        /// The protocol it speaks.
        face: FaceName,
        /// Where it came from.
        peer: SocketAddr,
    },
    /// The gateway itself: expiry, redo, bookkeeping.
    System,
}
