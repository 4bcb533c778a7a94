//! Metrics of token reviews.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics, named `kubekv_token_review_*`.
#[derive(Debug)]
pub(super) struct ReviewMetrics {
    requests: Family<VerdictLabels, Counter>,
    known: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    outcome: &'static str,
}

/// What came of a request to the API server.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReviewOutcome {
    Accepted,
    Refused,
    Unavailable,
}

impl ReviewOutcome {
    const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::Unavailable];

    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

impl ReviewMetrics {
    /// Makes them known to a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            known: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("token_review");
        registry.register(
            "requests",
            "Questions to the API server whose a token is, by what came of them: accepted, refused, or unavailable, where there was \
             no answer",
            metrics.requests.clone(),
        );
        registry.register(
            "known",
            "Tokens of ServiceAccounts that are known to be good now",
            metrics.known.clone(),
        );
        // An alert needs the first failure to be an increase.
        for outcome in ReviewOutcome::ALL {
            metrics.of(outcome);
        }
        metrics
    }

    pub(super) fn answered(&self, outcome: ReviewOutcome) {
        self.of(outcome).inc();
    }

    pub(super) fn know(&self, count: usize) {
        self.known.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn of(&self, outcome: ReviewOutcome) -> Counter {
        let labels = VerdictLabels {
            outcome: outcome.as_str(),
        };
        self.requests.get_or_create_owned(&labels)
    }
}
