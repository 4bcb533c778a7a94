//! Metrics of the Docker guard: what it refuses, what it keeps from clients, and what it does not know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::mode::DockerGuardMode;

/// The metrics, named `kubekv_guard_*`.
#[derive(Clone, Debug)]
pub(super) struct DockerGuardMetrics {
    mode: DockerGuardMode,
    refusals: Family<ReasonLabels, Counter>,
    refused: Arc<AtomicU64>,
    unknown: Counter,
    quarantined: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    mode: &'static str,
    reason: &'static str,
}

impl DockerGuardMetrics {
    /// Makes them known to a registry.
    pub(super) fn register(mode: DockerGuardMode, registry: &mut Registry) -> Self {
        let metrics = Self {
            mode,
            refusals: Family::default(),
            refused: Arc::default(),
            unknown: Counter::default(),
            quarantined: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("guard");
        registry.register(
            "refusals",
            "Changes of Docker's records that the guard refused, or would have refused in mode warn, by reason",
            metrics.refusals.clone(),
        );
        registry.register(
            "unknown",
            "Changes of Docker's records with fields, or of a kind, that no version up to Docker 20.10 knows; they were made",
            metrics.unknown.clone(),
        );
        registry.register(
            "quarantined",
            "Docker's records that would harm the daemons that read them; kept from clients in mode enforce",
            metrics.quarantined.clone(),
        );
        metrics
    }

    pub(super) fn refused(&self, reason: &'static str) {
        let mode = self.mode.as_str();
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.refusals
            .get_or_create(&ReasonLabels { mode, reason })
            .inc();
    }

    pub(super) fn refusals(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn saw_unknown(&self) {
        self.unknown.inc();
    }

    pub(super) fn quarantined(&self, count: usize) {
        self.quarantined
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
