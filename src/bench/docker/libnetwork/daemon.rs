//! Daemon: libnetwork's state on one host.

use std::collections::HashMap;
use std::sync::Arc;

use fastrand::Rng;
use tokio::sync::{Mutex, Notify};

use super::allocator::Allocator;
use super::datastore::Datastore;
use super::endpoint_watch::NetworkWatch;
use super::ids::random_id;
use super::overlay_driver::OverlayDriver;

/// Who a daemon is.
#[derive(Clone, Debug)]
pub struct DaemonIdentity {
    /// The host's name.
    pub name: String,
    /// The IP address that the daemon advertises, empty for none.
    pub address: String,
    /// The DNS servers of its containers, `--dns`.
    pub dns: Vec<String>,
    /// Whether it asks the cluster store before the local one. A real daemon keeps its stores in a map, whose order is a matter
    /// of chance at every start; local endpoints are looked up in the cluster store as well when it comes first.
    pub global_first: bool,
}

/// The gossip between hosts, through which the overlay driver learns of its peers' endpoints. It does not pass the store.
pub trait Gossip: Send + Sync + 'static {
    /// An endpoint joined a network, or left it.
    fn endpoint_changed(&self, network: &str);
}

/// A daemon. Its steps are one after another: a step waits for those before it.
pub struct Daemon {
    pub(super) identity: DaemonIdentity,
    pub(super) store: Datastore,
    pub(super) driver: Arc<Mutex<OverlayDriver>>,
    pub(super) gossip: Arc<dyn Gossip>,
    /// Wakes watches of endpoint counts that failed: the nodes were heard of, so the store is there again.
    pub(super) store_is_back: Arc<Notify>,
    pub(super) allocator: Allocator,
    pub(super) watches: HashMap<String, NetworkWatch>,
    pub(super) local: LocalState,
    pub(super) random: Rng,
}

/// What a daemon has on its own disk, and finds there when it starts again.
#[derive(Debug, Default)]
pub(super) struct LocalState {
    /// The local networks: `none`, `host` and `bridge`.
    pub(super) networks: Vec<String>,
    /// `docker_gwbridge`, through which containers on overlay networks reach the world.
    pub(super) gateway_network: Option<String>,
    /// The sandboxes of containers.
    pub(super) sandboxes: Vec<Sandbox>,
}

/// The sandbox of a container, with its endpoints.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    pub(super) id: String,
    /// The container's name.
    pub(super) container: String,
    pub(super) network: String,
    pub(super) endpoint: String,
    /// The endpoint on the gateway network.
    pub(super) gateway_endpoint: String,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Daemon")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Daemon {
    /// A daemon that has not started yet. Its overlay driver has a client of its own.
    pub fn new(
        identity: DaemonIdentity,
        store: Datastore,
        driver: Datastore,
        gossip: Arc<dyn Gossip>,
    ) -> Self {
        Self {
            identity,
            store,
            driver: Arc::new(Mutex::new(OverlayDriver::new(driver))),
            gossip,
            store_is_back: Arc::new(Notify::new()),
            allocator: Allocator::new(),
            watches: HashMap::new(),
            local: LocalState::default(),
            random: Rng::new(),
        }
    }

    /// The overlay driver, which peers' gossip reaches beside the daemon's steps.
    pub fn driver(&self) -> Arc<Mutex<OverlayDriver>> {
        Arc::clone(&self.driver)
    }

    /// What to notify when the nodes were heard of.
    pub fn store_is_back(&self) -> Arc<Notify> {
        Arc::clone(&self.store_is_back)
    }

    /// The names of the containers that run.
    pub fn containers(&self) -> impl Iterator<Item = &str> {
        let sandboxes = self.local.sandboxes.iter();
        sandboxes.map(|sandbox| sandbox.container.as_str())
    }

    pub(super) fn new_id(&mut self) -> String {
        random_id(&mut self.random)
    }
}
