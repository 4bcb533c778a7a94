//! Metrics of the objects of a policy: what became of them, and when they were last read.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::guard::policy::objects::ObjectReport;
use crate::model::time;

/// The metrics, named `kubekv_policy_object*`.
#[derive(Clone, Debug)]
pub(super) struct ObjectMetrics {
    objects: Family<StateLabels, Gauge>,
    read: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

impl ObjectMetrics {
    /// Makes them known to a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            objects: Family::default(),
            read: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("policy");
        registry.register(
            "objects",
            "AccessPolicy objects that are in force (accepted), whose last good version is (last_good), or of which nothing is (ignored)",
            metrics.objects.clone(),
        );
        registry.register(
            "objects_read_timestamp_seconds",
            "When the API server last reported to this gateway which AccessPolicy objects exist, in seconds since 1970",
            metrics.read.clone(),
        );
        metrics
    }

    /// The objects were read now, or nothing has changed.
    pub(super) fn were_read(&self) {
        self.read.set(time::unix_ms() / 1000);
    }

    /// Shows what became of them.
    pub(super) fn show<'a>(&self, reports: impl Iterator<Item = ObjectReport<'a>>) {
        let states = ["accepted", "last_good", "ignored"];
        let mut counts = [0; 3];
        for report in reports {
            let place = match (report.refusal, report.in_force) {
                (None, _) => 0,
                (Some(_), Some(_)) => 1,
                (Some(_), None) => 2,
            };
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
        }
        for (state, count) in states.into_iter().zip(counts) {
            self.objects
                .get_or_create(&StateLabels { state })
                .set(count);
        }
    }
}
