//! Metrics of the audit log.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metric families `kubekv_audit_*`.
#[derive(Clone, Debug, Default)]
pub(super) struct AuditMetrics {
    lines: Family<AuditLineLabel, Counter>,
    pub(super) failing: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AuditLineLabel {
    outcome: &'static str,
}

impl AuditMetrics {
    /// Makes the families known to a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let own = Self::default();
        for outcome in ["written", "lost"] {
            drop(own.lines.get_or_create(&AuditLineLabel { outcome }));
        }
        let registry = registry.sub_registry_with_prefix("audit");
        registry.register(
            "lines",
            "Lines of the audit log: written, or lost while it could not be written",
            own.lines.clone(),
        );
        registry.register(
            "failing",
            "1 while the audit log cannot be written and changes are refused for that",
            own.failing.clone(),
        );
        own
    }

    pub(super) fn count_written(&self, lines: u64) {
        self.count("written", lines);
    }

    pub(super) fn count_lost(&self, lines: u64) {
        self.count("lost", lines);
    }

    fn count(&self, outcome: &'static str, lines: u64) {
        if lines > 0 {
            let label = AuditLineLabel { outcome };
            self.lines.get_or_create(&label).inc_by(lines);
        }
    }
}
