//! Keys of Docker's records in a cluster store.

use std::fmt::Display;

/// The root of libnetwork's keys.
const ROOT: &str = "docker/network/v1.0";

/// The directory of the nodes.
const NODES: &str = "docker/nodes";

/// The directories below the root that are listed.
const NETWORKS: &str = "network";
const ENDPOINTS: &str = "endpoint";
const ENDPOINT_COUNTS: &str = "endpoint_count";

/// The keys below the prefix of a cluster store's URL. libnetwork's end with a slash, the nodes' do not; none begins with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerKeys {
    root: String,
    nodes: String,
}

impl DockerKeys {
    /// The keys below a prefix, which is the path of `--cluster-store` and may be empty.
    pub fn new(prefix: &str) -> Self {
        if prefix.is_empty() {
            return Self {
                root: ROOT.to_owned(),
                nodes: NODES.to_owned(),
            };
        }
        Self {
            root: format!("{prefix}/{ROOT}"),
            nodes: format!("{prefix}/{NODES}"),
        }
    }

    /// The directory of the nodes.
    pub fn nodes(&self) -> &str {
        &self.nodes
    }

    /// A node, by the address it advertises.
    pub fn node(&self, address: &str) -> String {
        format!("{}/{address}", self.nodes)
    }

    /// The directory of the networks.
    pub fn networks(&self) -> String {
        self.key(NETWORKS)
    }

    /// A network.
    pub fn network(&self, network: &str) -> String {
        self.key(format_args!("{NETWORKS}/{network}"))
    }

    /// The directory of the endpoint counts.
    pub fn endpoint_counts(&self) -> String {
        self.key(ENDPOINT_COUNTS)
    }

    /// The endpoint count of a network.
    pub fn endpoint_count(&self, network: &str) -> String {
        self.key(format_args!("{ENDPOINT_COUNTS}/{network}"))
    }

    /// The directory of a network's endpoints.
    pub fn endpoints(&self, network: &str) -> String {
        self.key(format_args!("{ENDPOINTS}/{network}"))
    }

    /// An endpoint.
    pub fn endpoint(&self, network: &str, endpoint: &str) -> String {
        self.key(format_args!("{ENDPOINTS}/{network}/{endpoint}"))
    }

    /// The overlay driver's record of a network.
    pub fn overlay(&self, network: &str) -> String {
        self.key(format_args!("overlay/network/{network}"))
    }

    /// The pools of an address space.
    pub fn address_space(&self, space: &str) -> String {
        self.key(format_args!("ipam/default/config/{space}"))
    }

    /// The addresses of a pool, by the pool's id, which begins with its address space.
    pub fn addresses(&self, pool: impl Display) -> String {
        self.key(format_args!("ipam/default/data/{pool}"))
    }

    /// The ids of a set of numbers.
    pub fn ids(&self, set: &str) -> String {
        self.key(format_args!("idm/{set}"))
    }

    fn key(&self, below: impl Display) -> String {
        format!("{}/{below}/", self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_below_the_prefix() {
        let keys = DockerKeys::new("");
        assert_eq!(keys.nodes(), "docker/nodes");
        assert_eq!(keys.node("10.0.0.1:2376"), "docker/nodes/10.0.0.1:2376");
        assert_eq!(keys.endpoint("n", "e"), "docker/network/v1.0/endpoint/n/e/");
        let keys = DockerKeys::new("a/b");
        assert_eq!(keys.nodes(), "a/b/docker/nodes");
        assert_eq!(keys.networks(), "a/b/docker/network/v1.0/network/");
    }
}
