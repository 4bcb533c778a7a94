//! The protocol that the servers under load speak.

use serde::{Deserialize, Serialize};

/// A protocol that load can be generated in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetProtocol {
    /// Consul's HTTP API.
    Consul,
    /// etcd's version 2 API.
    Etcd2,
    /// etcd's version 3 API.
    Etcd3,
    /// ZooKeeper's protocol.
    ZooKeeper,
    /// The API of a Kubernetes API server.
    Kubernetes,
}

impl TargetProtocol {
    /// Whether its clients wait for changes by streams of events alone, and by no blocking queries.
    pub fn has_only_streams(self) -> bool {
        match self {
            Self::Etcd3 | Self::Kubernetes => true,
            Self::Consul | Self::Etcd2 | Self::ZooKeeper => false,
        }
    }

    /// The scheme of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Consul => "consul",
            Self::Etcd2 => "etcd2",
            Self::Etcd3 => "etcd3",
            Self::ZooKeeper => "zk",
            Self::Kubernetes => "kube",
        }
    }
}
