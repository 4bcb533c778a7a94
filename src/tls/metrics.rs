//! Metrics of TLS on the faces.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The label of a face.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TlsFaceLabel {
    pub(super) face: &'static str,
}

/// The labels of what happened how often.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TlsOutcomeLabels {
    pub(super) face: &'static str,
    pub(super) outcome: &'static str,
}

/// The families `kubekv_tls_*`. A clone counts into the same families.
#[derive(Clone, Debug, Default)]
pub struct TlsMetrics {
    /// By `full`, `resumed`, and why it failed.
    pub(super) handshakes: Family<TlsOutcomeLabels, Counter>,
    /// By why the certificate proves nothing any more.
    pub(super) closed: Family<TlsOutcomeLabels, Counter>,
    /// By `ok` and `failed`.
    pub(super) reloads: Family<TlsOutcomeLabels, Counter>,
    pub(super) certificate_expiry: Family<TlsFaceLabel, Gauge>,
    pub(super) lists_due: Family<TlsFaceLabel, Gauge>,
}

impl TlsMetrics {
    /// Registers the families.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("tls");
        let counters = [
            (
                "handshakes",
                "TLS handshakes ended, by outcome: full, resumed, or why it failed",
                &metrics.handshakes,
            ),
            (
                "connections_closed",
                "Connections closed because their client's certificate is not valid any more, by reason",
                &metrics.closed,
            ),
            (
                "reloads",
                "Changes of the files of certificates, keys, authorities and lists, by outcome: ok, or failed where the last \
                 good ones stay in use",
                &metrics.reloads,
            ),
        ];
        for (name, help, family) in counters {
            registry.register(name, help, family.clone());
        }
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the certificate in use expires, in seconds since 1970-01-01 UTC",
            metrics.certificate_expiry.clone(),
        );
        registry.register(
            "revocation_list_due_timestamp_seconds",
            "When the first list of revoked certificates in use is due to be replaced, in seconds since 1970-01-01 UTC",
            metrics.lists_due.clone(),
        );
        metrics
    }
}
