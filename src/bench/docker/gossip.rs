//! Gossip between the hosts of a fleet.

use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use super::Host;
use super::libnetwork::Gossip;

/// The gossip of a fleet in one process: every host hears of every endpoint at once.
#[derive(Debug, Default)]
pub struct FleetGossip {
    hosts: RwLock<Vec<Weak<Host>>>,
}

impl FleetGossip {
    /// Adds a host.
    pub fn add(&self, host: &Arc<Host>) {
        self.hosts.write().push(Arc::downgrade(host));
    }
}

impl Gossip for FleetGossip {
    fn endpoint_changed(&self, network: &str) {
        // The host itself knows the network already.
        for host in self.hosts.read().iter().filter_map(Weak::upgrade) {
            host.hear_of(network);
        }
    }
}
