//! What a store counts that several gateways share.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Why the place where entries are kept refuses a request. What it does about it is up to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// No more entries, or bytes, are allowed.
    Quota,
    /// A rule about what may be written says no.
    Admission,
    /// The gateway has not the right to.
    Forbidden,
    /// Who the gateway is is not believed, or not any more.
    Unauthorized,
    /// What holds the entries is being deleted, or is not there.
    Terminating,
    /// Entries are not defined there, or not as this gateway knows them.
    Definition,
    /// More than one request may have.
    TooLarge,
    /// There is too much to do.
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

/// What is asked of the place where entries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    /// Many entries.
    List,
    /// What changes; counted when it begins.
    Watch,
    /// One entry.
    Get,
    /// To make one.
    Create,
    /// To write one that is there.
    Replace,
    /// To remove one.
    Remove,
}

impl Verb {
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
struct Refused {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    verb: &'static str,
    /// What the other side answered; `none` where it did not.
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    verb: &'static str,
}

/// A family of histograms: how one is made.
type Seconds = Family<Asked, Histogram, fn() -> Histogram>;

/// The metric families of a shared store, named `kubekv_store_*`. Cloning it is cheap and counts into the same families.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// 1 while this gateway leads.
    pub(super) leads: Gauge,
    pub(super) term: Gauge,
    /// 1 while changes are told.
    pub(super) readable: Gauge,
    pub(super) heartbeat: Histogram,
    pub(super) relists: Counter,
    pub(super) differences: Counter,
    pub(super) unknown: Counter,
    pub(super) void: Counter,
    pub(super) foreign: Counter,
    pub(crate) misfits: Gauge,
    refused: Family<Refused, Counter>,
    requests: Family<Answered, Counter>,
    request_seconds: Seconds,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            leads: Gauge::default(),
            term: Gauge::default(),
            readable: Gauge::default(),
            heartbeat: histogram(),
            relists: Counter::default(),
            differences: Counter::default(),
            unknown: Counter::default(),
            void: Counter::default(),
            foreign: Counter::default(),
            misfits: Gauge::default(),
            refused: Family::default(),
            requests: Family::default(),
            request_seconds: Seconds::new_with_constructor(histogram),
        }
    }
}

/// Of what takes as long as a request over a network: half a millisecond to 16 seconds.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

impl Metrics {
    /// Makes the families, known to a registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("store");
        let gauges = [
            ("leads", "Whether this gateway leads", &metrics.leads),
            (
                "term",
                "The term of the lead as it was told last",
                &metrics.term,
            ),
            (
                "readable",
                "Whether the stream of changes is open",
                &metrics.readable,
            ),
            (
                "misfits",
                "Objects that stand for no entry and are left out",
                &metrics.misfits,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        let counters = [
            (
                "relists",
                "Times everything was read anew after the first",
                &metrics.relists,
            ),
            (
                "differences",
                "Entries that a list had otherwise than was told",
                &metrics.differences,
            ),
            (
                "unknown",
                "Writes whose outcome was not known when they were sent",
                &metrics.unknown,
            ),
            (
                "void",
                "Changes of a gateway that did not lead any more, which do not count",
                &metrics.void,
            ),
            (
                "foreign",
                "Changes that no gateway made, which count",
                &metrics.foreign,
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
            "Requests refused where the entries are kept",
            self.refused.clone(),
        );
        registry.register(
            "requests",
            "Requests to where the entries are kept",
            self.requests.clone(),
        );
        registry.register(
            "request_seconds",
            "From sending such a request until its answer was read",
            self.request_seconds.clone(),
        );
        registry.register(
            "heartbeat_seconds",
            "From sending the lead's record until it is told by the stream",
            self.heartbeat.clone(),
        );
    }

    /// A request ended, with this status if it was answered.
    pub(crate) fn asked(&self, verb: Verb, status: Option<u16>, took: Duration) {
        let verb = verb.as_str();
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.requests
            .get_or_create(&Answered { verb, status })
            .inc();
        self.request_seconds
            .get_or_create(&Asked { verb })
            .observe(took.as_secs_f64());
    }

    /// A request was refused.
    pub(crate) fn refused(&self, reason: Reason) {
        let reason = reason.as_str();
        self.refused.get_or_create(&Refused { reason }).inc();
    }
}
