//! The face: its settings, and the state that its operations share.

use std::sync::Arc;

use super::keys::event_cache::EventCache;
use super::stats::counters::Counters;
use crate::face::list_cache::ListCache;
use crate::face::server::Stopping;
use crate::fairness::Fairness;
use crate::model::time;
use crate::space::Keyspace;

/// The name of the only member: that of an etcd started without one. Clients print it.
pub(super) const MEMBER_NAME: &str = "default";

/// The address of the only member for other members: that of an etcd started without one. Some clients read the first
/// peer URL without checking that there is one; nobody listens there, as gateways speak no raft.
pub(super) const PEER_URL: &str = "http://localhost:2380";

/// Settings of the face.
#[derive(Debug)]
pub struct Etcd {
    /// The keyspace that is served.
    pub space: Keyspace,
    /// Set when the gateway stops: watches then end.
    pub stopping: Stopping,
    /// The addresses that `/v2/members` and `/v2/machines` name, as `http://host:port`. Where there are none, they name
    /// the address at which the client reached the gateway, which it can surely reach: Docker's client replaces the
    /// addresses it was configured with by those it reads there.
    pub advertise: Vec<String>,
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
    /// The addresses that clients are to use.
    pub(super) advertise: Vec<String>,
    /// What all clients of the gateway share.
    pub(super) fairness: Fairness,
    /// The counts of `/v2/stats/store`.
    pub(super) counters: Counters,
    /// Encoded directories.
    pub(super) list_cache: ListCache,
    /// Events of the last commits.
    pub(super) events: Arc<EventCache>,
    /// When the face began to serve, in milliseconds since 1970.
    pub(super) started_ms: i64,
}

impl Face {
    /// A face with these settings.
    pub(super) fn new(settings: Etcd) -> Self {
        let Etcd {
            space,
            stopping,
            advertise,
            fairness,
        } = settings;
        Self {
            space,
            stopping,
            advertise,
            counters: Counters::default(),
            list_cache: ListCache::new(fairness.clone()),
            events: Arc::default(),
            fairness,
            started_ms: time::unix_ms(),
        }
    }

    /// The id of the cluster in `X-Etcd-Cluster-Id`, which clients compare: each store has its own.
    pub(super) fn cluster_id(&self) -> String {
        format!("{:x}", self.space.identity())
    }

    /// The id of the only member.
    pub(super) fn member_id(&self) -> String {
        format!("{:x}", self.space.identity().rotate_left(32))
    }
}
