//! Metrics of fairness: refusals by reason, and how long work waited.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::overloaded::Overloaded;

/// What waits in a fair queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    /// Work for a heavy thread.
    Heavy,
    /// A change of few entries and bytes.
    SmallChange,
    /// Any other change.
    WideChange,
}

impl Work {
    /// The label of metrics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Heavy => "heavy",
            Self::SmallChange => "small_change",
            Self::WideChange => "wide_change",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WorkLabel {
    work: &'static str,
}

/// The families `kubekv_fairness_*` that count events. Cloning it is cheap and counts into the same families.
#[derive(Clone, Debug)]
pub(super) struct FairnessMetrics {
    refused: Family<ReasonLabel, Counter>,
    waited: Family<WorkLabel, Histogram, fn() -> Histogram>,
}

impl Default for FairnessMetrics {
    fn default() -> Self {
        // From 1 ms to 8 s.
        let histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 14));
        Self {
            refused: Family::default(),
            waited: Family::new_with_constructor(histogram),
        }
    }
}

impl FairnessMetrics {
    /// Makes the families known to a registry.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "refused",
            "Requests refused because the gateway, or what one client may use of it, was full; by the limit",
            self.refused.clone(),
        );
        registry.register(
            "waited_seconds",
            "Seconds that work waited for its turn, where it had to wait",
            self.waited.clone(),
        );
    }

    /// Counts a refusal.
    pub(super) fn refused(&self, overloaded: Overloaded) {
        let reason = overloaded.reason();
        self.refused.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Records that work waited.
    pub(super) fn waited(&self, work: Work, waited: Duration) {
        let work = work.label();
        self.waited
            .get_or_create(&WorkLabel { work })
            .observe(waited.as_secs_f64());
    }

    /// How many requests were refused by this limit.
    #[cfg(test)]
    pub(super) fn refusals(&self, overloaded: Overloaded) -> u64 {
        let reason = overloaded.reason();
        self.refused.get_or_create(&ReasonLabel { reason }).get()
    }
}
