//! What the servers count.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Which server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Face {
    pub(super) face: &'static str,
}

/// Which kind of request, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) face: &'static str,
    pub(super) method: &'static str,
    /// The status code; `gone` where the client went before its answer.
    pub(super) status: String,
}

/// The metric families of all servers, named `kubekv_face_*`. Cloning it is cheap and counts into the same families.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(super) requests: Family<Request, Counter>,
    pub(super) in_flight: Family<Face, Gauge>,
    pub(super) connections: Family<Face, Gauge>,
    pub(super) refused: Family<Face, Counter>,
    pub(super) accept_errors: Family<Face, Counter>,
    pub(super) panics: Family<Face, Counter>,
}

impl Metrics {
    /// Makes the families, known to a registry.
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
        let counters = [
            (
                "connections_refused",
                "Connections closed at once because there were too many",
                &metrics.refused,
            ),
            (
                "accept_errors",
                "Connections that could not be accepted",
                &metrics.accept_errors,
            ),
            (
                "panics",
                "Connections closed because of a mistake in this program",
                &metrics.panics,
            ),
        ];
        for (name, help, family) in counters {
            registry.register(name, help, family.clone());
        }
        metrics
    }
}

/// The method as a label: what clients invent must not make new series.
pub(super) fn method(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "other",
    }
}
