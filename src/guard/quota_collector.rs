//! `QuotaCollector`: what is used of each quota, counted when the metrics are asked for.

use std::fmt;
use std::sync::Weak;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use crate::space::QuotaResource;

/// Reads the limits of the quotas in force, and what is used of them.
#[derive(Debug)]
pub(super) struct QuotaCollector(pub(super) Weak<dyn QuotaUses>);

/// Who knows what is used of each quota.
pub(super) trait QuotaUses: fmt::Debug + Send + Sync {
    fn quota_uses(&self) -> Vec<QuotaUse>;
}

/// What is used of a quota, where a keyspace is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QuotaUse {
    pub(super) quota: String,
    pub(super) resource: QuotaResource,
    pub(super) limit: u64,
    pub(super) used: Option<i64>,
}

impl Collector for QuotaCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let uses = self.0.upgrade().map(|policy| policy.quota_uses());
        let uses = uses.unwrap_or_default();
        let limits = uses.iter().map(|own| {
            let limit = i64::try_from(own.limit).unwrap_or(i64::MAX);
            (own, Some(limit))
        });
        let families = [
            (
                "policy_quota_limit",
                "What a quota of the policy allows, in keys or bytes",
                limits.collect::<Vec<_>>(),
            ),
            (
                "policy_quota_used",
                "What is used of a quota, in keys or bytes: beneath that of its prefixes where it is most, of those identities that came \
                 since the policy is in force",
                uses.iter().map(|own| (own, own.used)).collect(),
            ),
        ];
        for (name, help, values) in families {
            // A family without values would be a line that says nothing.
            if values.is_empty() {
                continue;
            }
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (own, value) in values {
                let Some(value) = value else { continue };
                let labels = [
                    ("quota", own.quota.as_str()),
                    ("resource", own.resource.name()),
                ];
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}
