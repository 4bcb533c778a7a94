//! Metrics of the policy: what it refuses, and what became of its file.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::policy_mode::PolicyMode;
use crate::model::Verb;
use crate::space::OverQuota;

/// The metrics, named `kubekv_policy_*`.
#[derive(Clone, Debug)]
pub(super) struct PolicyMetrics {
    mode: PolicyMode,
    refusals: Family<RefusalLabels, Counter>,
    loads: Family<LoadLabels, Counter>,
    rules: Gauge,
    over_quota: Family<OverQuotaLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    mode: &'static str,
    verb: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OverQuotaLabels {
    mode: &'static str,
    quota: String,
    resource: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoadLabels {
    outcome: &'static str,
}

impl PolicyMetrics {
    /// Makes them known to a registry.
    pub(super) fn register(mode: PolicyMode, registry: &mut Registry) -> Self {
        let metrics = Self {
            mode,
            refusals: Family::default(),
            loads: Family::default(),
            rules: Gauge::default(),
            over_quota: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix("policy");
        registry.register(
            "refusals",
            "What the policy refused, or would have refused in mode warn, by verb",
            metrics.refusals.clone(),
        );
        registry.register(
            "loads",
            "Policies that took effect (ok), and files or objects that could not be used (failed)",
            metrics.loads.clone(),
        );
        registry.register(
            "rules",
            "The rules of the policy that is in force",
            metrics.rules.clone(),
        );
        registry.register(
            "quota_refusals",
            "Changes that a quota refused, or would have refused in mode warn, by its name and of what there would be too much",
            metrics.over_quota.clone(),
        );
        metrics
    }

    pub(super) fn over_quota(&self, denied: &OverQuota) {
        let labels = OverQuotaLabels {
            mode: self.mode.as_str(),
            quota: denied.quota.clone(),
            resource: denied.resource.name(),
        };
        self.over_quota.get_or_create(&labels).inc();
    }

    pub(super) fn refused(&self, verb: Verb) {
        self.refusals.get_or_create(&self.labels(verb)).inc();
    }

    pub(super) fn refusals(&self, verb: Verb) -> u64 {
        self.refusals.get_or_create(&self.labels(verb)).get()
    }

    pub(super) fn took_effect(&self, rules: usize) {
        self.rules.set(i64::try_from(rules).unwrap_or(i64::MAX));
        self.count("ok");
    }

    pub(super) fn was_unusable(&self) {
        self.count("failed");
    }

    fn count(&self, outcome: &'static str) {
        self.loads.get_or_create(&LoadLabels { outcome }).inc();
    }

    fn labels(&self, verb: Verb) -> RefusalLabels {
        RefusalLabels {
            mode: self.mode.as_str(),
            verb: verb.name(),
        }
    }
}
