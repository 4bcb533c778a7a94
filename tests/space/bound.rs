//! Bound entries: they end with their lease, all in the commit of its end.

use std::time::Duration;

use kubekv::model::{
    Caller, Cause, DirMark, Key, KeyRange, Lease, LeaseEnd, LeaseId, LeaseProtocol, Principal,
};
use kubekv::space::{Acquired, Interest, Keyspace, Lookup, NodeFate};
use support::faces;

use super::held_store::{HeldStore, finish, run};
use super::{change, pass, put};

fn session() -> Lease {
    Lease {
        id: LeaseId::random(),
        term_ms: Some(10_000),
        on_end: LeaseEnd::Release,
        lock_delay_ms: 0,
        labels: std::collections::BTreeMap::default(),
        owner: Principal::Anonymous,
        protocol: LeaseProtocol::ZooKeeper,
    }
}

pub(super) async fn begin(space: &Keyspace) -> LeaseId {
    let session = session();
    change(space, |draft| draft.put_lease(&session)).await;
    session.id
}

/// Binds so many entries under `e/` to a lease, in one commit; says whether there is such a lease.
async fn bind(space: &Keyspace, lease: LeaseId, count: usize) -> bool {
    change(space, |draft| {
        (0..count).all(|n| {
            let key = Key::user(format!("e/{n:06}"));
            let record = draft.successor(&key);
            draft.put_bound(&key, lease, record)
        })
    })
    .await
}

pub(super) async fn end(space: &Keyspace, lease: LeaseId) -> (bool, u64) {
    let mut kept = None::<()>;
    let ended = space.end_lease(&Caller::System, LeaseProtocol::ZooKeeper, &mut kept, lease);
    let ended = ended.await.unwrap();
    (ended.reply, ended.revision)
}

fn count(space: &Keyspace, prefix: &str) -> usize {
    space.read(&Caller::System).scan(&Key::user(prefix)).count()
}

#[tokio::test]
async fn a_hundred_thousand_bound_entries_end_in_one_commit_with_their_lease() {
    const COUNT: usize = 100_000;
    let space = faces::space().await;
    let lease = begin(&space).await;
    put(&space, "e", "").await;
    put(&space, "e/stays", "").await;
    assert!(bind(&space, lease, COUNT).await);
    let view = space.read(&Caller::System);
    assert_eq!(view.bound_to(lease).count(), COUNT);
    let ranges = vec![
        KeyRange::Prefix(Key::user("e/")),
        KeyRange::Prefix(LeaseId::records()),
    ];
    let mut watch = space.watch(&Caller::System, ranges);
    let (ended, revision) = end(&space, lease).await;
    let commit = watch.try_next().unwrap().unwrap();
    assert!(ended);
    assert_eq!((commit.revision, commit.cause), (revision, Cause::Expire));
    assert_eq!(commit.changes.len(), COUNT + 1);
    assert!(watch.try_next().is_none());
    assert_eq!(count(&space, "e/"), 1);
    assert_eq!(space.read(&Caller::System).bound_to(lease).count(), 0);
    assert!(!end(&space, lease).await.0, "it has ended");
}

#[tokio::test(start_paused = true)]
async fn what_is_bound_ends_when_the_lease_runs_out_and_no_earlier() {
    let space = faces::space().await;
    let lease = begin(&space).await;
    put(&space, "e", "").await;
    bind(&space, lease, 300).await;
    pass(Duration::from_millis(9_500)).await;
    assert_eq!(count(&space, "e/"), 300);
    assert!(space.renew(&Caller::System, lease).unwrap());
    pass(Duration::from_millis(9_500)).await;
    assert_eq!(count(&space, "e/"), 300);
    pass(Duration::from_secs(1)).await;
    assert_eq!(count(&space, "e/"), 0);
    assert!(
        !bind(&space, lease, 1).await,
        "nothing is bound to it any more"
    );
}

#[tokio::test]
async fn what_is_overwritten_stays_bound_and_what_is_made_again_is_not() {
    let space = faces::space().await;
    let lease = begin(&space).await;
    bind(&space, lease, 3).await;
    put(&space, "e/000000", "written by another").await;
    super::delete(&space, "e/000001").await;
    put(&space, "e/000001", "another's").await;
    end(&space, lease).await;
    let view = space.read(&Caller::System);
    let left: Vec<_> = view
        .scan(&Key::user("e/"))
        .map(|(key, _)| key.clone())
        .collect();
    assert_eq!(left, [Key::user("e/000001")]);
}

#[tokio::test]
async fn the_end_of_a_lease_takes_no_implied_parent_along() {
    let space = faces::space().await;
    let lease = begin(&space).await;
    let made = change(&space, |draft| {
        ["a/b/one", "a/c/two", "top"].iter().all(|key| {
            let key = Key::user(key);
            let record = draft.successor(&key);
            draft.put_bound(&key, lease, record)
        })
    });
    assert!(made.await);
    put(&space, "a/c/stays", "").await;
    let before = space.read(&Caller::System);
    let first = before.get(&Key::user("a/b/one")).unwrap();
    let mut subscription = space.subscribe(&Caller::System);
    subscription.add(Interest::Tree(String::new()));
    end(&space, lease).await;
    let view = space.read(&Caller::System);
    let kept = view.get(&Key::user("a/b")).unwrap();
    assert_eq!((kept.attrs().dir, kept.value().len()), (DirMark::Made, 0));
    assert_eq!(kept.created(), first.created(), "it is as old as it was");
    assert!(
        view.get(&Key::user("a/c")).is_none(),
        "it has another child"
    );
    let commit = subscription.next_in(&view).unwrap().unwrap();
    let mut nodes: Vec<_> = commit.nodes().map(|node| (node.path, node.fate)).collect();
    nodes.sort_unstable_by_key(|(path, _)| *path);
    use NodeFate::{Went, Written};
    let expected = [
        ("a/b", Written),
        ("a/b/one", Went),
        ("a/c/two", Went),
        ("top", Went),
    ];
    assert_eq!(nodes, expected);
    assert_eq!(view.directory("a/b").children, 0);
    assert_eq!(view.directory("a").children, 2);
}

#[tokio::test]
async fn consul_neither_ends_a_session_of_zookeeper_nor_locks_with_it() {
    let space = faces::space().await;
    let lease = begin(&space).await;
    let mut kept = None::<()>;
    let ended = space.end_lease(&Caller::System, LeaseProtocol::Consul, &mut kept, lease);
    assert!(!ended.await.unwrap().reply);
    let locked = change(&space, |draft| {
        draft.acquire(&Key::user("k"), lease, |_| {})
    });
    assert_eq!(locked.await, Acquired::NoLease);
    assert!(space.read(&Caller::System).lease(lease).is_some());
}

/// The end of so much is decided outside the critical section, on what is durable.
#[tokio::test]
async fn what_is_bound_while_a_wide_end_is_decided_ends_too() {
    let store = HeldStore::default();
    let space = store.open().await;
    let setup = {
        let space = space.clone();
        tokio::spawn(async move {
            let lease = begin(&space).await;
            bind(&space, lease, 1_000).await;
            lease
        })
    };
    let lease = finish(&store, setup).await;
    let held = store.held().0;
    let late = {
        let space = space.clone();
        tokio::spawn(async move {
            change(&space, |draft| {
                let key = Key::user("late");
                let record = draft.successor(&key);
                draft.put_bound(&key, lease, record)
            })
            .await
        })
    };
    store.accepted(held + 1).await;
    let ended = {
        let space = space.clone();
        tokio::spawn(async move { end(&space, lease).await })
    };
    run().await;
    assert!(finish(&store, late).await);
    assert!(finish(&store, ended).await.0);
    assert_eq!((count(&space, "e/"), count(&space, "late")), (0, 0));
}
