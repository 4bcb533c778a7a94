//! Metric families `kubekv_face_*`; `accept_loop` counts connections, `request_in_flight` requests.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The label of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct FaceLabel {
    pub(super) face: &'static str,
}

/// The labels of a connection that got no place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RefusedLabels {
    pub(super) face: &'static str,
    /// `total`, `address` or `identity`.
    pub(super) reason: &'static str,
}

/// The labels of a request that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) face: &'static str,
    pub(super) method: &'static str,
    pub(super) status: RequestStatus,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum RequestStatus {
    /// With this status code.
    Code(i32),
    /// The client closed the connection before its answer.
    Gone,
}

impl EncodeLabelValue for RequestStatus {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => code.encode(encoder),
            Self::Gone => "gone".encode(encoder),
        }
    }
}

/// The metric families of all servers. A clone is cheap and counts into the same families.
#[derive(Clone, Debug, Default)]
pub struct ServerMetrics {
    pub(super) requests: Family<RequestLabels, Counter>,
    pub(super) in_flight: Family<FaceLabel, Gauge>,
    pub(super) connections: Family<FaceLabel, Gauge>,
    pub(super) refused: Family<RefusedLabels, Counter>,
    pub(super) accept_errors: Family<FaceLabel, Counter>,
    pub(super) panics: Family<FaceLabel, Counter>,
}

impl ServerMetrics {
    /// Registers the families.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("face");
        registry.register("requests", "Requests ended", metrics.requests.clone());
        let gauges = [
            (
                "in_flight",
                "Requests whose answer is not complete yet, parked polls among them",
                &metrics.in_flight,
            ),
            (
                "connections",
                "Connections open, idle ones among them",
                &metrics.connections,
            ),
        ];
        for (name, help, family) in gauges {
            registry.register(name, help, family.clone());
        }
        registry.register(
            "connections_refused",
            "Connections closed at once because there were too many: in all, of one address, or of one identity",
            metrics.refused.clone(),
        );
        let counters = [
            (
                "accept_errors",
                "Connections that could not be accepted",
                &metrics.accept_errors,
            ),
            (
                "panics",
                "Connections closed because of a bug in kubekv",
                &metrics.panics,
            ),
        ];
        for (name, help, family) in counters {
            registry.register(name, help, family.clone());
        }
        metrics
    }
}
