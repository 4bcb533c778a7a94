//! Metrics of a shared store (`kubekv_store_*`).

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The reason why the backend of a store (Kubernetes, etcd) refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// No more entries, or bytes, are allowed.
    Quota,
    /// An admission rule forbids it.
    Admission,
    /// The gateway lacks the permission.
    Forbidden,
    /// The gateway's credentials are not accepted, or no longer.
    Unauthorized,
    /// The namespace of the entries is being deleted, or is missing.
    Terminating,
    /// The definition of entries is missing there, or is not this gateway's.
    Definition,
    /// The request is larger than the backend takes.
    TooLarge,
    /// The backend is overloaded.
    Throttled,
    /// Anything else.
    Other,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Admission => "admission",
            Self::Forbidden => "forbidden",
            Self::Unauthorized => "unauthorized",
            Self::Terminating => "terminating",
            Self::Definition => "definition",
            Self::TooLarge => "too_large",
            Self::Throttled => "throttled",
            Self::Other => "other",
        }
    }
}

/// The verb of a request to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StoreVerb {
    /// Many entries.
    List,
    /// Changes; counted when the watch begins.
    Watch,
    /// One entry.
    Get,
    /// Create an entry.
    Create,
    /// Replace an entry.
    Replace,
    /// Remove an entry.
    Remove,
}

impl StoreVerb {
    fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Watch => "watch",
            Self::Get => "get",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Remove => "remove",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    verb: &'static str,
    /// The status of the answer; `none` where there was no answer.
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerbLabel {
    verb: &'static str,
}

/// A family of histograms, with the function that makes one.
type Seconds = Family<VerbLabel, Histogram, fn() -> Histogram>;

/// The metric families of a shared store, named `kubekv_store_*`. Cloning it is cheap and counts into the same families.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// 1 while this gateway leads.
    pub(super) is_leader: Gauge,
    pub(super) term: Gauge,
    /// 1 while the watch is open.
    pub(super) readable: Gauge,
    pub(super) heartbeat: Histogram,
    pub(super) relists: Counter,
    pub(super) differences: Counter,
    pub(super) unknown: Counter,
    pub(super) stale_writes: Counter,
    pub(super) external_writes: Counter,
    pub(crate) invalid_objects: Gauge,
    refused: Family<RefusalLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Seconds,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            is_leader: Gauge::default(),
            term: Gauge::default(),
            readable: Gauge::default(),
            heartbeat: histogram(),
            relists: Counter::default(),
            differences: Counter::default(),
            unknown: Counter::default(),
            stale_writes: Counter::default(),
            external_writes: Counter::default(),
            invalid_objects: Gauge::default(),
            refused: Family::default(),
            requests: Family::default(),
            request_seconds: Seconds::new_with_constructor(histogram),
        }
    }
}

/// Buckets for requests over a network: half a millisecond to 16 seconds.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

impl Metrics {
    /// Makes the families, and adds them to a registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("store");
        let gauges = [
            (
                "is_leader",
                "1 while this gateway is the leader and writes to the store",
                &metrics.is_leader,
            ),
            (
                "term",
                "The last term of leadership this gateway knows of",
                &metrics.term,
            ),
            (
                "readable",
                "1 while the store's watch is open and changes of other gateways arrive",
                &metrics.readable,
            ),
            (
                "invalid_objects",
                "Objects that cannot be read as an entry and are ignored",
                &metrics.invalid_objects,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        let counters = [
            (
                "relists",
                "Full lists of the store after the first one",
                &metrics.relists,
            ),
            (
                "differences",
                "Entries that differed between a full list and the watch cache",
                &metrics.differences,
            ),
            (
                "unknown",
                "Writes whose outcome was unknown when their request ended",
                &metrics.unknown,
            ),
            (
                "stale_writes",
                "Writes of a former leader that arrived after its term and were ignored",
                &metrics.stale_writes,
            ),
            (
                "external_writes",
                "Changes made by other clients of the store, such as kubectl or etcdctl",
                &metrics.external_writes,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        metrics.register_requests(registry);
        metrics
    }

    fn register_requests(&self, registry: &mut Registry) {
        registry.register(
            "refused",
            "Requests that the store refused, by reason",
            self.refused.clone(),
        );
        registry.register(
            "requests",
            "Requests to the store, by verb and status",
            self.requests.clone(),
        );
        registry.register(
            "request_seconds",
            "Seconds from sending a request to the store until its answer was read",
            self.request_seconds.clone(),
        );
        registry.register(
            "heartbeat_seconds",
            "Seconds from sending a heartbeat until the store's watch delivers it",
            self.heartbeat.clone(),
        );
    }

    /// Counts a request that ended, with this status if it was answered.
    pub(crate) fn asked(&self, verb: StoreVerb, status: Option<u16>, took: Duration) {
        let verb = verb.as_str();
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.requests
            .get_or_create(&RequestLabels { verb, status })
            .inc();
        self.request_seconds
            .get_or_create(&VerbLabel { verb })
            .observe(took.as_secs_f64());
    }

    /// Counts a request that was refused.
    pub(crate) fn refused(&self, reason: Reason) {
        let reason = reason.as_str();
        self.refused.get_or_create(&RefusalLabels { reason }).inc();
    }
}
