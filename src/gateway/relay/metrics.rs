//! Metrics of relayed connections.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::model::FaceName;

/// The face of a connection, as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RelayLabel {
    face: &'static str,
}

impl RelayLabel {
    pub(super) fn of(face: FaceName) -> Self {
        Self {
            face: face.as_str(),
        }
    }
}

/// The families `kubekv_relay_*`.
#[derive(Clone, Debug, Default)]
pub(in crate::gateway) struct RelayMetrics {
    pub(super) connections: Family<RelayLabel, Gauge>,
    pub(super) failed: Family<RelayLabel, Counter>,
    pub(super) refused: Family<RelayLabel, Counter>,
    pub(super) taken: Family<RelayLabel, Counter>,
    pub(super) rejected: Counter,
}

impl RelayMetrics {
    /// Makes the families, and adds them to a registry.
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
            "Connections closed after answering that there is no leader, as none was reachable for 2.5 s (etcd) or 7 s (consul)",
            metrics.failed.clone(),
        );
        registry.register(
            "refused",
            "Connections that a standby closed because there were too many: in all, or of one address",
            metrics.refused.clone(),
        );
        registry.register(
            "taken",
            "Connections accepted from other gateways while this one leads",
            metrics.taken.clone(),
        );
        registry.register(
            "rejected",
            "Connections to the relay port that did not show in time a certificate of a gateway of this store",
            metrics.rejected.clone(),
        );
        metrics
    }

    /// Counts a connection while it is open.
    pub(super) fn open(&self, face: FaceName) -> OpenConnection {
        let gauge = self
            .connections
            .get_or_create(&RelayLabel::of(face))
            .clone();
        gauge.inc();
        OpenConnection(gauge)
    }
}

/// An open connection; counted until dropped.
#[derive(Debug)]
pub(super) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
