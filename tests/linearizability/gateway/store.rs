//! Stores under test, with the API servers or etcd members they need.

use support::etcd_members::Members;
use support::kubernetes_servers::Servers;

/// The prefix of the gateways' keys in etcd.
pub const ETCD_PREFIX: &str = "linearizability";

/// A store under test.
#[derive(Debug)]
pub enum Store {
    /// In the gateway's directory.
    Embedded,
    /// In a Kubernetes cluster. There are two gateways, each at an API server of its own. A write that a deposed
    /// leader sent may take effect until the next leader serves.
    Kubernetes(Servers),
    /// In an etcd of three members. There are two gateways, each with another member first.
    Etcd(Members),
}

impl Store {
    /// A store in a new cluster with two API servers.
    pub fn kubernetes() -> Self {
        let servers = Servers::start(2);
        servers.define();
        Self::Kubernetes(servers)
    }

    /// A store in a new etcd of three members in network namespaces.
    pub fn etcd() -> Self {
        Self::Etcd(Members::start_apart("etcd-3.6"))
    }

    /// Whether several gateways share the store, so that another one may take over.
    pub fn is_shared(&self) -> bool {
        !matches!(self, Self::Embedded)
    }
}
