//! The face: its settings, and the state that its operations share.

use crate::face::list_cache::ListCache;
use crate::face::server::Stopping;
use crate::fairness::Fairness;
use crate::model::Caller;
use crate::space::Keyspace;

/// The lowest index of the catalog. Consul's own test helper waits for it: it proves that a server has registered
/// itself.
const LOWEST_CATALOG_INDEX: u64 = 2;

/// Settings of the face.
#[derive(Clone, Debug)]
pub struct Consul {
    /// The keyspace that is served.
    pub space: Keyspace,
    /// Set when the gateway stops: blocking queries are then answered at once.
    pub stopping: Stopping,
    /// The name of the only node, to which sessions belong: the host's name, as a rule.
    pub node: String,
    /// The name of the only datacenter; `dc1` by default, as in Consul.
    pub datacenter: String,
    /// What all clients of the gateway share.
    pub fairness: Fairness,
}

/// The face as it serves.
#[derive(Debug)]
pub(super) struct Face {
    /// The keyspace that is served.
    pub(super) space: Keyspace,
    /// Set when the gateway stops.
    pub(super) stopping: Stopping,
    /// The name of the only node.
    pub(super) node: String,
    /// The name of the only datacenter.
    pub(super) datacenter: String,
    /// What all clients of the gateway share.
    pub(super) fairness: Fairness,
    /// Encoded lists of `?recurse`.
    pub(super) list_cache: ListCache,
    /// The index of every list of the catalog and of health: the revision at which the keyspace was opened.
    pub(super) catalog_index: u64,
}

impl Face {
    /// A face with these settings.
    pub(super) fn new(settings: Consul) -> Self {
        let Consul {
            space,
            stopping,
            node,
            datacenter,
            fairness,
        } = settings;
        let opened_at = space.read(&Caller::System).revision();
        Self {
            space,
            stopping,
            node,
            datacenter,
            list_cache: ListCache::new(fairness.clone()),
            fairness,
            catalog_index: opened_at.max(LOWEST_CATALOG_INDEX),
        }
    }
}
