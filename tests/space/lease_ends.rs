//! Lease ends: of leases with more locks than one commit takes, and ends that admission denies.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kubekv::model::{Caller, Key, Lease, LeaseEnd, LeaseId, LeaseProtocol, Write};
use kubekv::space::{Acquired, Admit, Committed, Denied, Draft, Keyspace, Lookup, Visibility};
use kubekv::store::{CommitError, MemoryStore, Store};
use prometheus_client::registry::Registry;
use support::metrics::registered;
use support::stuck_store::{StuckAnswer, StuckStore};

use super::held_store::{HeldStore, finish, run};
use super::pass;

/// An admission that allows so many writes at once.
#[derive(Debug, Default)]
struct Few(AtomicUsize);

impl Admit for Few {
    fn check(&self, _: &Caller, _: &Draft<'_>, writes: &[Write]) -> Result<(), Denied> {
        let most = self.0.load(Ordering::Relaxed);
        if writes.len() > most {
            return Err(Denied::TooMuch(format!("more than {most}")));
        }
        Ok(())
    }

    fn visibility(&self, _: &Caller) -> Visibility {
        Visibility::All
    }
}

async fn open(few: &Arc<Few>) -> (Keyspace, Registry) {
    open_over(few, Arc::new(MemoryStore::new())).await
}

async fn open_over(few: &Arc<Few>, store: Arc<dyn Store>) -> (Keyspace, Registry) {
    let mut registry = Registry::default();
    let admit: Arc<dyn Admit> = Arc::<Few>::clone(few);
    let opened = Keyspace::open(store, admit, &mut registry).await;
    (opened.unwrap().0, registry)
}

async fn lock(space: &Keyspace, key: &str, lease: LeaseId) -> Acquired {
    let key = Key::user(key);
    let lock = |draft: &mut Draft<'_>| Ok::<_, Infallible>(draft.acquire(&key, lease, |_| {}));
    space.commit(&Caller::System, lock).await.unwrap().reply
}

/// A lease that has locked so many entries.
async fn holder(space: &Keyspace, on_end: LeaseEnd, count: usize) -> LeaseId {
    let lease = Lease {
        id: LeaseId::random(),
        term_ms: Some(10_000),
        on_end,
        lock_delay_ms: 5_000,
        labels: std::collections::BTreeMap::default(),
        owner: kubekv::model::Principal::Anonymous,
        protocol: LeaseProtocol::Consul,
    };
    let put = |draft: &mut Draft<'_>| {
        draft.put_lease(&lease);
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, put).await.unwrap();
    for n in 0..count {
        let locked = lock(space, &format!("k/{n}"), lease.id).await;
        assert_eq!(locked, Acquired::Yes);
    }
    lease.id
}

/// Ends a lease.
async fn end(space: &Keyspace, lease: LeaseId) -> Committed<bool> {
    let (protocol, mut kept) = (LeaseProtocol::Consul, None::<()>);
    let ended = space.end_lease(&Caller::System, protocol, &mut kept, lease);
    ended.await.unwrap()
}

fn held_by(space: &Keyspace, lease: LeaseId) -> usize {
    let view = space.read(&Caller::System);
    let all = view.scan(&Key::user("k/"));
    all.filter(|(_, entry)| entry.attrs().lock == Some(lease))
        .count()
}

#[tokio::test(start_paused = true)]
async fn lease_with_too_many_locks_ends_at_once_and_releases_them_later() {
    for on_end in [LeaseEnd::Release, LeaseEnd::Delete] {
        let few = Arc::new(Few(AtomicUsize::new(50)));
        let (space, _registry) = open(&few).await;
        let lease = holder(&space, on_end, 200).await;
        let ended = end(&space, lease).await;
        assert!(ended.reply);
        assert!(ended.commit.unwrap().changes.len() <= 50);
        assert!(space.read(&Caller::System).lease(lease).is_none());
        assert!(!space.renew(&Caller::System, lease).unwrap());
        assert_eq!(lock(&space, "k/new", lease).await, Acquired::NoLease);
        assert!(held_by(&space, lease) > 150);
        pass(Duration::from_secs(1)).await;
        assert_eq!(held_by(&space, lease), 0);
        let left = space.read(&Caller::System).scan(&Key::user("k/")).count();
        assert_eq!(left, if on_end == LeaseEnd::Release { 200 } else { 0 });
        let other = space.read(&Caller::System);
        let records = other.scan(&Key::system("ending/")).count();
        assert_eq!(records, 0, "nothing is left of it");
        // Every lock has its lock-delay.
        assert_eq!(other.scan(&Key::system("delay/")).count(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn expired_lease_with_too_many_locks_releases_them_all() {
    let few = Arc::new(Few(AtomicUsize::new(50)));
    let (space, registry) = open(&few).await;
    let lease = holder(&space, LeaseEnd::Release, 200).await;
    pass(Duration::from_secs(12)).await;
    assert!(space.read(&Caller::System).lease(lease).is_none());
    assert_eq!(held_by(&space, lease), 0);
    assert_eq!(registered(&registry, "space_leases_expired_total"), 1);
    assert_eq!(registered(&registry, "space_ends_postponed_total"), 0);
}

#[tokio::test(start_paused = true)]
async fn denied_lease_end_is_counted_and_retried() {
    let few = Arc::new(Few(AtomicUsize::new(50)));
    let (space, registry) = open(&few).await;
    let lease = holder(&space, LeaseEnd::Release, 200).await;
    few.0.store(0, Ordering::Relaxed);
    pass(Duration::from_secs(15)).await;
    assert_eq!(held_by(&space, lease), 200);
    let postponed = registered(&registry, "space_ends_postponed_total");
    assert!((3..=6).contains(&postponed), "once a second: {postponed}");
    few.0.store(50, Ordering::Relaxed);
    pass(Duration::from_secs(3)).await;
    assert!(space.read(&Caller::System).lease(lease).is_none());
    assert_eq!(held_by(&space, lease), 0);
}

#[tokio::test(start_paused = true)]
async fn lock_delays_that_end_together_share_commits() {
    let few = Arc::new(Few(AtomicUsize::new(1_000)));
    let (space, registry) = open(&few).await;
    let lease = holder(&space, LeaseEnd::Release, 200).await;
    let ended = end(&space, lease).await;
    pass(Duration::from_secs(6)).await;
    let after = space.read(&Caller::System);
    assert_eq!(after.scan(&Key::system("delay/")).count(), 0);
    let commits = after.revision() - ended.revision;
    assert!((1..=8).contains(&commits), "{commits} for 200 delays");
    assert_eq!(registered(&registry, "space_ends_postponed_total"), 0);
}

#[tokio::test(start_paused = true)]
async fn lock_delays_end_where_few_writes_are_admitted_at_once() {
    let few = Arc::new(Few(AtomicUsize::new(10)));
    let (space, registry) = open(&few).await;
    let lease = holder(&space, LeaseEnd::Release, 200).await;
    end(&space, lease).await;
    pass(Duration::from_secs(8)).await;
    let after = space.read(&Caller::System);
    assert_eq!(held_by(&space, lease), 0);
    assert_eq!(after.scan(&Key::system("delay/")).count(), 0);
    assert_eq!(registered(&registry, "space_ends_postponed_total"), 0);
}

/// The end of more than 256 locks is decided outside the critical section, on what is durable.
#[tokio::test]
async fn a_lock_that_is_not_durable_yet_ends_with_its_lease() {
    let store = HeldStore::default();
    let space = store.open().await;
    let of = space.clone();
    let holder = tokio::spawn(async move { holder(&of, LeaseEnd::Release, 500).await });
    let lease = finish(&store, holder).await;
    let held = store.held().0;
    let of = space.clone();
    let late = tokio::spawn(async move { lock(&of, "k/late", lease).await });
    store.accepted(held + 1).await;
    let of = space.clone();
    let ended = tokio::spawn(async move {
        of.end_lease(
            &Caller::System,
            LeaseProtocol::Consul,
            &mut None::<()>,
            lease,
        )
        .await
    });
    run().await;
    assert_eq!(finish(&store, late).await, Acquired::Yes);
    assert!(finish(&store, ended).await.unwrap().reply);
    assert_eq!(held_by(&space, lease), 0);
}

/// An end that may be written yet must not come after a renewal that was acknowledged.
#[tokio::test(start_paused = true)]
async fn lease_whose_end_was_perhaps_written_is_not_renewed() {
    let store = Arc::new(StuckStore::default());
    let few = Arc::new(Few(AtomicUsize::new(50)));
    let (space, _registry) = open_over(&few, Arc::<StuckStore>::clone(&store)).await;
    let renews = |lease| space.renew(&Caller::System, lease).unwrap();
    let is_there = |lease| space.read(&Caller::System).lease(lease).is_some();
    let unknown = || StuckAnswer::Error(CommitError::Unknown("silence".to_owned()));
    let unreachable = || StuckAnswer::Error(CommitError::Unavailable("away".to_owned()));

    // Surely not written: it lives on if it is renewed.
    let lease = holder(&space, LeaseEnd::Release, 0).await;
    store.answer(unreachable());
    pass(Duration::from_millis(10_100)).await;
    assert!(is_there(lease) && renews(lease));
    store.answer(StuckAnswer::Works);
    pass(Duration::from_secs(9)).await;
    assert!(is_there(lease) && renews(lease));

    // Perhaps written: a later attempt that fails for certain says nothing of the first.
    store.answer(unknown());
    pass(Duration::from_millis(10_100)).await;
    assert!(is_there(lease) && !renews(lease));
    store.answer(unreachable());
    pass(Duration::from_millis(1_500)).await;
    assert!(is_there(lease) && !renews(lease));
    store.answer(StuckAnswer::Works);
    pass(Duration::from_millis(1_500)).await;
    assert!(!is_there(lease));
}
