//! Metrics of credentials: what is refused, and what became of their file.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::table::CredentialTable;

/// The metrics, named `kubekv_credentials_*`.
#[derive(Debug, Default)]
pub(super) struct CredentialMetrics {
    refusals: Family<FailureLabels, Counter>,
    loads: Family<LoadOutcome, Counter>,
    entries: Family<EntryKind, Gauge>,
    next_expiry: Gauge,
    /// Passwords that were verified.
    pub(super) verifications: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    kind: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoadOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EntryKind {
    kind: &'static str,
}

impl CredentialMetrics {
    /// Makes them known to a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("credentials");
        registry.register(
            "refusals",
            "Requests whose token or password was not known, had expired, or could not be read; in mode warn they were answered",
            metrics.refusals.clone(),
        );
        registry.register(
            "loads",
            "Files of credentials that took effect (ok), or could not be used (failed)",
            metrics.loads.clone(),
        );
        registry.register(
            "entries",
            "The tokens and the users that are known, tokens that have expired among them",
            metrics.entries.clone(),
        );
        registry.register(
            "next_expiry_timestamp_seconds",
            "When the next token expires, in seconds since 1970; 0 where none does",
            metrics.next_expiry.clone(),
        );
        registry.register(
            "verifications",
            "Passwords that were verified by argon2id, once for all requests that waited with the same",
            metrics.verifications.clone(),
        );
        metrics
    }

    pub(super) fn refused(&self, kind: &'static str, reason: &'static str) {
        let labels = FailureLabels { kind, reason };
        self.refusals.get_or_create(&labels).inc();
    }

    pub(super) fn took_effect(&self, table: &CredentialTable, now_ms: i64) {
        self.count("ok");
        let of = |kind, count: usize| {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.entries.get_or_create(&EntryKind { kind }).set(count);
        };
        of("token", table.tokens().len());
        of("user", table.users().len());
        self.expires_next(table.next_expiry(now_ms));
    }

    pub(super) fn expires_next(&self, at_ms: Option<i64>) {
        self.next_expiry.set(at_ms.map_or(0, |at| at / 1000));
    }

    pub(super) fn was_unusable(&self) {
        self.count("failed");
    }

    fn count(&self, outcome: &'static str) {
        self.loads.get_or_create(&LoadOutcome { outcome }).inc();
    }
}
