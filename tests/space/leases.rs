//! Leases: they are never cut short, and their locks end as their holders asked.

use std::convert::Infallible;
use std::time::Duration;

use kubekv::model::{Caller, Key, Lease, LeaseEnd, LeaseId};
use kubekv::space::{Acquired, Keyspace, Lookup};
use support::faces;
use tokio::time::advance;

use super::{get, pass};

fn lease(term_ms: Option<u64>, on_end: LeaseEnd, lock_delay_ms: u64) -> Lease {
    Lease {
        id: LeaseId::random(),
        term_ms,
        on_end,
        lock_delay_ms,
        labels: std::collections::BTreeMap::default(),
        owner: kubekv::model::Principal::Anonymous,
        protocol: kubekv::model::LeaseProtocol::Consul,
    }
}

async fn begin(space: &Keyspace, lease: &Lease) {
    let put = |draft: &mut kubekv::space::Draft<'_>| {
        draft.put_lease(lease);
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, put).await.unwrap();
}

async fn acquire(space: &Keyspace, key: &str, lease: LeaseId) -> Acquired {
    let key = Key::user(key);
    let lock = |draft: &mut kubekv::space::Draft<'_>| {
        Ok::<_, Infallible>(draft.acquire(&key, lease, |record| record.value = "held".into()))
    };
    space.commit(&Caller::System, lock).await.unwrap().reply
}

async fn end(space: &Keyspace, lease: LeaseId) -> bool {
    let end = |draft: &mut kubekv::space::Draft<'_>| Ok::<_, Infallible>(draft.end_lease(lease));
    space.commit(&Caller::System, end).await.unwrap().reply
}

fn holder(space: &Keyspace, key: &str) -> Option<LeaseId> {
    space
        .read(&Caller::System)
        .get(&Key::user(key))
        .and_then(|entry| entry.attrs().lock)
}

fn alive(space: &Keyspace, lease: &Lease) -> bool {
    space.read(&Caller::System).lease(lease.id).is_some()
}

#[tokio::test(start_paused = true)]
async fn lease_ends_after_its_ttl_and_not_before() {
    let space = faces::space().await;
    let own = lease(Some(10_000), LeaseEnd::Release, 0);
    begin(&space, &own).await;
    assert_eq!(acquire(&space, "k", own.id).await, Acquired::Yes);
    pass(Duration::from_millis(9_500)).await;
    assert!(alive(&space, &own));
    assert!(space.renew(&Caller::System, own.id).unwrap());
    pass(Duration::from_millis(9_500)).await;
    assert!(alive(&space, &own));
    pass(Duration::from_secs(1)).await;
    assert!(!alive(&space, &own));
    assert!(!space.renew(&Caller::System, own.id).unwrap());
    assert_eq!(holder(&space, "k"), None);
    assert_eq!(
        get(&space, "k").as_deref(),
        Some("held"),
        "released, not deleted"
    );
}

#[tokio::test(start_paused = true)]
async fn gateway_pause_cuts_no_lease_short() {
    let space = faces::space().await;
    let own = lease(Some(10_000), LeaseEnd::Delete, 0);
    begin(&space, &own).await;
    acquire(&space, "k", own.id).await;
    pass(Duration::from_secs(9)).await;
    // Stopped for an hour, then woken: the renewal that waits in a socket is read within the grace.
    advance(Duration::from_secs(3600)).await;
    pass(Duration::from_millis(500)).await;
    assert!(space.renew(&Caller::System, own.id).unwrap());
    pass(Duration::from_secs(9)).await;
    assert!(alive(&space, &own));
    pass(Duration::from_secs(3)).await;
    assert!(!alive(&space, &own), "nor does it live for ever");
    assert_eq!(get(&space, "k"), None);
}

#[tokio::test(start_paused = true)]
async fn lock_is_exclusive_until_released() {
    let space = faces::space().await;
    let (a, b) = (
        lease(None, LeaseEnd::Release, 0),
        lease(None, LeaseEnd::Release, 0),
    );
    begin(&space, &a).await;
    begin(&space, &b).await;
    assert_eq!(acquire(&space, "k", a.id).await, Acquired::Yes);
    assert_eq!(acquire(&space, "k", b.id).await, Acquired::Held);
    assert_eq!(
        acquire(&space, "k", a.id).await,
        Acquired::Yes,
        "again by the holder"
    );
    let lock_index = |space: &Keyspace| {
        space
            .read(&Caller::System)
            .get(&Key::user("k"))
            .unwrap()
            .attrs()
            .lock_index
    };
    assert_eq!(lock_index(&space), 1);
    assert!(end(&space, a.id).await);
    assert_eq!(acquire(&space, "k", b.id).await, Acquired::Yes);
    assert_eq!(lock_index(&space), 2);
    assert_eq!(acquire(&space, "k", a.id).await, Acquired::NoLease);
}

#[tokio::test(start_paused = true)]
async fn lock_delay_excludes_every_client() {
    let space = faces::space().await;
    let (a, b) = (
        lease(None, LeaseEnd::Delete, 15_000),
        lease(None, LeaseEnd::Release, 0),
    );
    begin(&space, &a).await;
    begin(&space, &b).await;
    acquire(&space, "k", a.id).await;
    assert!(end(&space, a.id).await);
    assert_eq!(get(&space, "k"), None);
    pass(Duration::from_millis(14_500)).await;
    assert_eq!(acquire(&space, "k", b.id).await, Acquired::Delayed);
    pass(Duration::from_secs(1)).await;
    assert_eq!(acquire(&space, "k", b.id).await, Acquired::Yes);
}
