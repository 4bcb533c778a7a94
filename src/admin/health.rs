//! The health of a gateway: its phase, its leader, and the metrics that exist by then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use arc_swap::ArcSwapOption;

use prometheus_client::registry::Registry;

use super::gateway_info::GatewayInfo;
use crate::space::Keyspace;
use crate::store::shared::Members;

/// The phase of a gateway's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The store is not open yet.
    Starting,
    /// Another gateway of the same store leads, or none does yet.
    Standby,
    /// This gateway leads and answers requests.
    Ready,
    /// The gateway is ending.
    Draining,
}

/// The metrics of an open keyspace.
#[derive(Debug)]
pub struct KeyspaceMetrics {
    /// The families of the keyspace.
    pub registry: Registry,
    /// The keyspace, whose gauges are refreshed for each `/metrics`.
    pub space: Keyspace,
}

/// The state of a gateway that the admin port shows.
#[derive(Debug)]
pub struct Health {
    phase: AtomicU8,
    /// The metrics that last as long as the process.
    registry: Registry,
    keyspace: ArcSwapOption<KeyspaceMetrics>,
    info: GatewayInfo,
    /// The leader and the members, on a shared store.
    shared: ArcSwapOption<SharedView>,
}

/// A shared store, as its gateway sees it.
#[derive(Debug)]
struct SharedView {
    members: Members,
    /// Whether this gateway relays connections to the leader.
    relays: bool,
}

impl Health {
    /// The health of a gateway that starts, with the metrics that last as long as the process.
    pub fn new(registry: Registry, info: GatewayInfo) -> Self {
        Self {
            phase: AtomicU8::new(0),
            registry,
            keyspace: ArcSwapOption::empty(),
            info,
            shared: ArcSwapOption::empty(),
        }
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Standby,
            2 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// Enters a phase. No other phase follows [`Phase::Draining`].
    pub fn enter(&self, phase: Phase) {
        let number = match phase {
            Phase::Starting => 0,
            Phase::Standby => 1,
            Phase::Ready => 2,
            Phase::Draining => 3,
        };
        let next = |now| (now < 3).then_some(number);
        let _was = self
            .phase
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    /// The gateway's name and addresses.
    pub(super) fn info(&self) -> &GatewayInfo {
        &self.info
    }

    /// Shows the leader from now on, and whether this gateway relays to it.
    pub fn follow(&self, members: Members, relays: bool) {
        self.shared
            .store(Some(Arc::new(SharedView { members, relays })));
    }

    /// Whether this gateway relays, and sees a leader to relay to.
    pub fn relays(&self) -> bool {
        let shared = self.shared.load();
        shared
            .as_ref()
            .is_some_and(|shared| shared.relays && shared.members.leader().is_some())
    }

    /// The leader's name, if there is one, and the highest term, as this gateway sees them; `None` on a store that is not
    /// shared.
    pub(super) fn leader(&self) -> Option<(Option<String>, u64)> {
        let shared = self.shared.load();
        shared
            .as_ref()
            .map(|shared| shared.members.leader_and_term())
    }

    /// Shows the metrics of a keyspace from now on, or that none is open.
    pub fn observe(&self, keyspace: Option<KeyspaceMetrics>) {
        self.keyspace.store(keyspace.map(Arc::new));
    }

    /// The metrics of the open keyspace, if one is.
    pub fn keyspace(&self) -> Option<Arc<KeyspaceMetrics>> {
        self.keyspace.load_full()
    }

    /// The metrics that last as long as the process.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}
