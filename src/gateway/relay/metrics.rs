//! What is counted of relayed connections.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::model::FaceName;

/// The protocol of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Face {
    face: &'static str,
}

impl Face {
    pub(super) fn of(face: FaceName) -> Self {
        Self {
            face: face.as_str(),
        }
    }
}

/// The families `kubekv_relay_*`.
#[derive(Clone, Debug, Default)]
pub(in crate::gateway) struct Metrics {
    pub(super) connections: Family<Face, Gauge>,
    pub(super) failed: Family<Face, Counter>,
    pub(super) refused: Family<Face, Counter>,
    pub(super) taken: Family<Face, Counter>,
    pub(super) rejected: Counter,
}

impl Metrics {
    /// Makes the families known to a registry.
    pub(in crate::gateway) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("relay");
        registry.register(
            "connections",
            "Connections this gateway relays to the leader",
            metrics.connections.clone(),
        );
        registry.register(
            "failed",
            "Connections whose client was told that there is no leader, and closed: none could be reached for 2.5 s (etcd) or 7 s (consul)",
            metrics.failed.clone(),
        );
        registry.register(
            "refused",
            "Connections of a standby closed because there were too many",
            metrics.refused.clone(),
        );
        registry.register(
            "taken",
            "Connections accepted from other gateways while this one leads",
            metrics.taken.clone(),
        );
        registry.register(
            "rejected",
            "Connections to the relay port that showed no certificate of a gateway of this store",
            metrics.rejected.clone(),
        );
        metrics
    }

    /// Counts a connection while it is open.
    pub(super) fn open(&self, face: FaceName) -> Open {
        let gauge = self.connections.get_or_create(&Face::of(face)).clone();
        gauge.inc();
        Open(gauge)
    }
}

/// A connection that is open.
#[derive(Debug)]
pub(super) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
