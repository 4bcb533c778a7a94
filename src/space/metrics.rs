//! Metrics of the keyspace.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The keyspace's metric families, each named in the registry by `kubekv_space_*`.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyspaceCounters {
    pub(crate) commits: Counter,
    pub(crate) renewals: Counter,
    pub(crate) conflicts: Counter,
    pub(crate) refused: Counter,
    pub(crate) failed: Counter,
    pub(crate) leases_expired: Counter,
    pub(crate) entries_expired: Counter,
    pub(crate) ends_postponed: Counter,
    pub(crate) watches_lagged: Counter,
    pub(crate) revision: Gauge,
    pub(crate) entries: Gauge,
    pub(crate) bytes: Gauge,
    pub(crate) unshown: Gauge,
    pub(crate) watches: Gauge,
    pub(crate) watch_queue_bytes: Gauge,
    pub(crate) leases: Gauge,
    pub(crate) waiting: Gauge,
}

impl KeyspaceCounters {
    /// Makes the families known to a registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("space");
        let counters = [
            ("commits", "Commits made", &self.commits),
            (
                "renewals",
                "Writes that changed nothing but how long an entry lives, kept without a commit",
                &self.renewals,
            ),
            (
                "conflicts",
                "Commits tried again because an entry changed meanwhile",
                &self.conflicts,
            ),
            (
                "refused",
                "Changes refused by their own condition or the guard",
                &self.refused,
            ),
            ("failed", "Changes the store failed", &self.failed),
            (
                "leases_expired",
                "Leases that ended because nobody renewed them",
                &self.leases_expired,
            ),
            (
                "entries_expired",
                "Entries that ended by their own TTL",
                &self.entries_expired,
            ),
            (
                "ends_postponed",
                "Ends of expired sessions, TTLs and lock-delays that could not be written, and are retried",
                &self.ends_postponed,
            ),
            (
                "watches_lagged",
                "Watches that were interrupted because their clients read too slowly",
                &self.watches_lagged,
            ),
        ];
        for (name, help, metric) in counters {
            registry.register(name, help, metric.clone());
        }
        self.register_gauges(registry);
    }

    fn register_gauges(&self, registry: &mut Registry) {
        let gauges = [
            ("revision", "The last commit", &self.revision),
            (
                "entries",
                "Entries, the gateway's own records among them",
                &self.entries,
            ),
            (
                "bytes",
                "About how much memory the entries take: keys, values and a constant for each",
                &self.bytes,
            ),
            (
                "unshown_entries",
                "Entries that no protocol with a tree can show",
                &self.unshown,
            ),
            ("watches", "Watches and parked polls", &self.watches),
            (
                "watch_queue_bytes",
                "Memory of the commits that watches have not taken yet, each counted once",
                &self.watch_queue_bytes,
            ),
            ("leases", "Leases alive", &self.leases),
            (
                "waiting_changes",
                "Changes that wait for one they touch",
                &self.waiting,
            ),
        ];
        for (name, help, metric) in gauges {
            registry.register(name, help, metric.clone());
        }
    }
}
