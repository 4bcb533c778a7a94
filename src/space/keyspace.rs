//! The keyspace: reads, changes, watches and leases over one store.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::access::AccessCaller;
use super::admit::Admit;
use super::applier::Applier;
use super::audit::Audit;
use super::authenticate::Authenticate;
use super::critical_section::CriticalSection;
use super::demand::Demand;
use super::denied::Denied;
use super::freshness::Fresh;
use super::history::PastCommits;
use super::metrics::KeyspaceCounters;
use super::node_keys::{directory_of, node_keys};
use super::pending::PendingCommits;
use super::quota::Quotas;
use super::subscription::Subscription;
use super::timers::{Timed, Timers};
use super::view::View;
use super::visibility::{LeaseRight, Visibility};
use super::waiting_parts::WaitingParts;
use super::watch::Watch;
use crate::model::{Caller, Commit, Flow, KeyRange, Lease, LeaseId, Realm};
use crate::store::{self, CommitOrder, RetentionFloors, Store};

/// One ordered map with one line of revisions, whatever protocol it is used by. Cloning it is cheap.
///
/// Linearizable among its callers: a change is visible to every later read before it is answered, and was handed to
/// every watch it concerns.
#[derive(Clone, Debug)]
pub struct Keyspace {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) store: Arc<dyn Store>,
    /// The store's order of acceptance, where it has one.
    pub(super) order: Option<Arc<dyn CommitOrder>>,
    pub(super) admit: Arc<dyn Admit>,
    pub(super) quotas: Option<Arc<dyn Quotas>>,
    pub(super) applier: Arc<Applier>,
    pub(super) section: Arc<CriticalSection>,
    /// Locked inside the critical section only.
    pub(super) pending: Mutex<PendingCommits>,
    /// Changes that wait to be made together.
    pub(super) together: WaitingParts,
    pub(super) metrics: KeyspaceCounters,
    identity: u64,
    /// Whether entries may be kept from clients because of what they hold.
    pub(super) sifts: bool,
    /// What the store was last asked to retain.
    retention: Mutex<RetentionFloors>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyspace")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// A change that was made, or that turned out to change nothing.
#[derive(Clone, Debug)]
pub struct Committed<R> {
    /// What the decision answered.
    pub reply: R,
    /// The revision of the commit; of the view it was decided on, where nothing was to be written.
    pub revision: u64,
    /// What was written.
    pub commit: Option<Arc<Commit>>,
}

/// A change that was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// The decision refused it.
    #[error("refused at index {revision}")]
    Refused {
        /// Its reason.
        error: E,
        /// The revision it was decided on.
        revision: u64,
    },
    /// The guard refused it, or the caller may not see what was decided on.
    #[error(transparent)]
    Denied(Denied),
    /// The store failed, or may have.
    #[error(transparent)]
    Failed(store::CommitError),
}

impl Keyspace {
    /// A keyspace over a store that was opened.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        (admit, quotas): (Arc<dyn Admit>, Option<Arc<dyn Quotas>>),
        applier: Arc<Applier>,
        metrics: KeyspaceCounters,
        identity: u64,
    ) -> Self {
        let retention = Mutex::new(applier.retention_floors());
        let order = store.order();
        let sifts = admit.sieve().is_some();
        Self {
            inner: Arc::new(Inner {
                store,
                order,
                admit,
                quotas,
                applier,
                section: Arc::default(),
                pending: Mutex::default(),
                together: WaitingParts::default(),
                metrics,
                identity,
                sifts,
                retention,
            }),
        }
    }

    /// A name made once with the store: another store has another.
    pub fn identity(&self) -> u64 {
        self.inner.identity
    }

    /// What the store can take.
    pub fn limits(&self) -> store::Limits {
        self.inner.store.limits()
    }

    /// How many indexes each state has that views show; see [`store::Store::indexes_per_state`].
    pub fn indexes_per_state(&self) -> u64 {
        self.inner.store.indexes_per_state()
    }

    /// The keyspace as it stands now, as the caller may see it.
    pub fn read(&self, caller: &Caller) -> View {
        self.read_as(caller, self.visibility(caller))
    }

    fn read_as(&self, caller: &Caller, visibility: Visibility) -> View {
        let view = View::new(self.inner.applier.current(), visibility);
        let view = view.bound_by_lists(AccessCaller::of(caller));
        match caller {
            Caller::Client { .. } if self.inner.sifts => view.sifted(),
            Caller::Client { .. } | Caller::Operator | Caller::System => view,
        }
    }

    /// Where it is recorded what callers do, if it is.
    pub fn audit(&self) -> Option<&dyn Audit> {
        self.inner.admit.audit()
    }

    /// What finds out who sends a request by the secrets in it, if anything does.
    pub fn authentication(&self) -> Option<&dyn Authenticate> {
        self.inner.admit.authentication()
    }

    /// Watches ranges from now on.
    pub fn watch(&self, caller: &Caller, ranges: Vec<KeyRange>) -> Watch {
        // Before the visibility is asked for: a change between the two interrupts the watch.
        let rights = self.rights(caller);
        let (flow, visibility) = (Flow::of(caller), self.visibility(caller));
        let ranges = self.within_limits(ranges);
        let watches = &self.inner.applier.watches;
        let watch = Watch::new(watches, flow, ranges, visibility, rights);
        watch.bound_by_lists(AccessCaller::of(caller))
    }

    /// The turn of a caller's poll that found at once what it would have waited for. Thousands of such polls take turns with
    /// each other, of each client one after another, and with everything else that the gateway does; few do not wait.
    pub async fn turn(&self, caller: &Caller) {
        self.inner.applier.watches.turn(Flow::of(caller)).await;
    }

    /// Begins a subscription without interests: one queue for interests that come and go.
    pub fn subscribe(&self, caller: &Caller) -> Subscription {
        let rights = self.rights(caller);
        let (flow, visibility) = (Flow::of(caller), self.visibility(caller));
        Subscription::new(&self.inner.applier.watches, flow, visibility, rights)
    }

    /// The ranges without those that no key can lie in, because it would be longer than any.
    fn within_limits(&self, mut ranges: Vec<KeyRange>) -> Vec<KeyRange> {
        let limits = self.limits();
        ranges.retain(|range| {
            let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
            key.as_bytes().len() <= limits.longest_key(key.realm())
        });
        ranges
    }

    /// Sets how many bytes the commits may take that watches have not taken yet, all watches together and each commit
    /// counted once. Beyond it the oldest are dropped, and the watches that wait for them get [`super::Interrupted::Lagged`].
    pub fn limit_watch_queues(&self, bytes: usize) {
        self.inner.applier.watches.usage().set_limit(bytes);
    }

    /// The keyspace as it stands now, for something that is made from these ranges and kept while it is [`Fresh`].
    ///
    /// The visibility is what the caller was said to see before; access lists bind it as they are now.
    pub fn read_and_follow(
        &self,
        caller: &Caller,
        visibility: Visibility,
        ranges: Vec<KeyRange>,
    ) -> (View, Fresh) {
        let ranges = self.within_limits(ranges);
        let read = || self.read_as(caller, visibility);
        self.inner
            .applier
            .freshness
            .follow(ranges, read, View::revision)
    }

    /// These ranges, and the entries besides them whose access lists decide on what is read of them.
    pub fn ranges_with_lists(ranges: &[KeyRange]) -> Vec<KeyRange> {
        let directories = ranges.iter().filter_map(|range| match range {
            KeyRange::Exact(_) => None,
            KeyRange::Prefix(prefix) if prefix.realm() == Realm::System => None,
            KeyRange::Prefix(prefix) => Some(node_keys(directory_of(prefix.as_bytes()))),
        });
        let directories = directories.flatten().map(KeyRange::Exact);
        ranges.iter().cloned().chain(directories).collect()
    }

    /// The first thing that `pick` finds in the commits from revision `from` on, as far as the view's caller may watch them;
    /// `Err` with the last revision that is not kept, where some of those are gone.
    pub fn find_commit<T>(
        &self,
        view: &View,
        from: u64,
        mut pick: impl FnMut(&Arc<Commit>) -> Option<T>,
    ) -> Result<Option<T>, u64> {
        let has_lists = self.inner.applier.watches.had_lists();
        let access = view.access();
        let visibility = view.visibility();
        self.inner
            .applier
            .history
            .find(from, |commit| match visibility {
                Visibility::All if !has_lists => pick(commit),
                Visibility::All | Visibility::Part(_) => {
                    pick(&access.shown(visibility.shown(commit)?)?)
                }
            })
    }

    /// How many commits of the past there are from revision `from` on: what it costs to look at them.
    pub fn count_commits_from(&self, from: u64) -> usize {
        self.inner.applier.history.count_from(from)
    }

    /// Looks at no more than `most` commits from revision `from` on, and returns those that the view's caller may watch, as
    /// far as it may; `Err` with the last revision that is not kept, where some are gone. For those who go through the past in
    /// slices.
    pub fn commits_from(&self, view: &View, from: u64, most: usize) -> Result<PastCommits, u64> {
        let mut past = self.inner.applier.history.slice(from, most)?;
        let visibility = view.visibility();
        if matches!(visibility, Visibility::Part(_)) || self.inner.applier.watches.had_lists() {
            let shown = past.commits.iter().filter_map(|commit| {
                let shown = visibility.shown(commit)?;
                view.access().shown(shown)
            });
            past.commits = shown.collect();
        }
        Ok(past)
    }

    /// Gives a lease its full term again; says whether there is one.
    pub fn renew(&self, caller: &Caller, id: LeaseId) -> Result<bool, Denied> {
        if self.notes_demands(caller) || self.visibility(caller).is_part() {
            let current = self.inner.applier.current();
            let record = current.entries.get(&id.record_key());
            if let Some(lease) = record.and_then(|record| Lease::read(record.value())) {
                self.asks(caller, || Demand::Lease(lease.owner, LeaseRight::Renew))?;
            }
        }
        Ok(self.inner.applier.timers.renew(id))
    }

    /// How many entries ended by their own TTL since the keyspace was opened.
    pub fn entries_expired(&self) -> u64 {
        self.inner.metrics.entries_expired.get()
    }

    /// Brings the gauges up to date; called before they are read.
    pub fn refresh_metrics(&self) {
        let Inner {
            applier,
            section,
            metrics,
            ..
        } = self.inner.as_ref();
        let current = applier.current();
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics
            .revision
            .set(i64::try_from(current.revision).unwrap_or(i64::MAX));
        metrics.entries.set(gauge(current.entries.len()));
        metrics
            .bytes
            .set(i64::try_from(current.bytes).unwrap_or(i64::MAX));
        metrics.unshown.set(gauge(current.entries.unshown_len()));
        metrics.watches.set(gauge(applier.watches.count()));
        let queued = applier.watches.usage().bytes();
        metrics.watch_queue_bytes.set(gauge(queued));
        let lagged = applier.watches.lagged();
        metrics
            .watches_lagged
            .inner()
            .store(lagged, Ordering::Relaxed);
        metrics.leases.set(gauge(applier.timers.leases()));
        metrics.waiting.set(gauge(section.waiting()));
    }

    /// Refuses further changes and lets go of the store, when what is on its way is written.
    pub async fn close(&self) {
        self.inner.store.close().await;
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.inner.applier.timers
    }

    /// Hands the store a checkpoint of directories when it is time, and lets it drop history that is no longer wanted, where
    /// that has changed.
    pub(crate) fn tidy(&self) {
        if let Some(changes) = self.inner.applier.next_directories() {
            self.inner.store.keep_directories(changes);
        }
        let retention_floors = self.inner.applier.retention_floors();
        if std::mem::replace(&mut *self.inner.retention.lock(), retention_floors)
            != retention_floors
        {
            self.inner.store.trim(retention_floors);
        }
    }

    pub(crate) fn count_postponed(&self) {
        self.inner.metrics.ends_postponed.inc();
    }

    pub(crate) fn count_expired(&self, item: &Timed) {
        match item {
            Timed::Lease(_) => self.inner.metrics.leases_expired.inc(),
            Timed::Entry(_) => self.inner.metrics.entries_expired.inc(),
            Timed::Delay(_) | Timed::Ending(_) | Timed::Unrenewed(_) => 0,
        };
    }
}
