//! Accepted commits: later decisions rest on them before they are durable, and nobody is answered before that.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kubekv::model::{Caller, DirMark, Key, Lease, LeaseEnd, LeaseId, LeaseProtocol, Principal};
use kubekv::space::{ChangeError, Committed, Draft, Keyspace, Lookup};
use kubekv::store::CommitError;
use tokio::task::JoinHandle;

use super::held_store::{HeldStore, finish, run};
use super::{get, keeping_put, pass, put};

type Done = Result<Committed<u64>, ChangeError<&'static str>>;

/// Adds one to a counter; the reply is what it was.
#[expect(clippy::unnecessary_wraps, reason = "it is one of several decisions")]
fn add_one(draft: &mut Draft<'_>, key: &str) -> Result<u64, &'static str> {
    let key = Key::user(key);
    let count = draft.get(&key).map_or(0, |entry| {
        let text = std::str::from_utf8(entry.value()).unwrap();
        text.parse().unwrap_or(0)
    });
    let mut record = draft.successor(&key);
    record.value = (count + 1).to_string().into();
    draft.put(&key, record);
    Ok(count)
}

/// Writes a key that must not be there.
fn create(draft: &mut Draft<'_>, key: &str) -> Result<u64, &'static str> {
    let key = Key::user(key);
    if draft.get(&key).is_some() {
        return Err("exists");
    }
    let record = draft.successor(&key);
    draft.put(&key, record);
    Ok(0)
}

fn spawn(
    space: &Keyspace,
    key: &'static str,
    decide: fn(&mut Draft<'_>, &str) -> Result<u64, &'static str>,
) -> JoinHandle<Done> {
    let space = space.clone();
    tokio::spawn(async move {
        let decide = |draft: &mut Draft<'_>| decide(draft, key);
        space.commit(&Caller::System, decide).await
    })
}

#[tokio::test]
async fn a_thousand_writers_of_one_key_share_a_sync() {
    let store = HeldStore::default();
    let space = store.open().await;
    let tasks: Vec<_> = (0..1_000).map(|_| spawn(&space, "hot", add_one)).collect();
    store.accepted(1_000).await;
    assert_eq!(store.sync(), 1_000, "one sync carries all");
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.unwrap().unwrap().reply);
    }
    assert!(seen.into_iter().eq(0..1_000), "none was lost");
    assert_eq!(get(&space, "hot").as_deref(), Some("1000"));
}

#[tokio::test]
async fn accepted_writes_are_not_read_before_they_are_durable() {
    let store = HeldStore::default();
    let space = store.open().await;
    let write = spawn(&space, "a", add_one);
    store.accepted(1).await;
    let before = space.read(&Caller::System).revision();
    assert_eq!(get(&space, "a"), None);
    assert!(!write.is_finished());
    store.sync();
    let done = write.await.unwrap().unwrap();
    assert_eq!(
        (done.revision, get(&space, "a").as_deref()),
        (before + 1, Some("1"))
    );
}

#[tokio::test]
async fn a_refusal_waits_until_the_write_it_saw_is_durable() {
    let store = HeldStore::default();
    let space = store.open().await;
    let write = spawn(&space, "a", create);
    store.accepted(1).await;
    let refused = spawn(&space, "a", create);
    run().await;
    assert!(!refused.is_finished(), "it saw what a crash would undo");
    store.sync();
    let index = write.await.unwrap().unwrap().revision;
    match refused.await.unwrap() {
        Err(ChangeError::Refused { revision, error }) => {
            assert_eq!((revision, error), (index, "exists"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_that_rests_on_durable_entries_waits_for_nothing() {
    let store = HeldStore::default();
    let space = store.open().await;
    let setup = spawn(&space, "b", create);
    finish(&store, setup).await.unwrap();
    let index = space.read(&Caller::System).revision();
    let _held = spawn(&space, "a", create);
    store.accepted(1).await;
    let refused = spawn(&space, "b", create);
    run().await;
    assert!(refused.is_finished());
    match refused.await.unwrap() {
        Err(ChangeError::Refused { revision, .. }) => assert_eq!(revision, index),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        store.held(),
        (1, 0),
        "nor does it take a place in the queue"
    );
}

#[tokio::test]
async fn a_write_that_fails_takes_what_was_decided_on_it_along() {
    let store = HeldStore::default();
    let space = store.open().await;
    let first = spawn(&space, "n", add_one);
    store.accepted(1).await;
    let second = spawn(&space, "n", add_one);
    let refused = spawn(&space, "n", create);
    store.accepted(2).await;
    run().await;
    store.refuse();
    let failed = first.await.unwrap().unwrap_err();
    assert!(
        matches!(failed, ChangeError::Failed(CommitError::Full(_))),
        "{failed}"
    );
    // Both are decided again, on what is durable: that the key is not there.
    let second = finish(&store, second).await.unwrap();
    assert_eq!(second.reply, 0);
    let refused = finish(&store, refused).await;
    assert_eq!(get(&space, "n").as_deref(), Some("1"));
    assert_eq!(second.revision, space.read(&Caller::System).revision());
    assert!(matches!(refused, Err(ChangeError::Refused { .. })));
}

fn keys(draft: &Draft<'_>, prefix: &str) -> Vec<String> {
    let found = draft.scan(&Key::user(prefix));
    found.map(|(key, _)| key.to_string()).collect()
}

#[tokio::test]
async fn later_decisions_see_accepted_puts_and_deletions_in_order() {
    let store = HeldStore::default();
    let space = store.open().await;
    for key in ["t/b", "t/d"] {
        let setup = spawn(&space, key, create);
        finish(&store, setup).await.unwrap();
    }
    let gone = spawn(&space, "t/b", |draft, key| {
        draft.delete(&Key::user(key));
        Ok(0)
    });
    let made = [spawn(&space, "t/c", create), spawn(&space, "t/a", create)];
    store.accepted(3).await;
    let scan = {
        let space = space.clone();
        tokio::spawn(async move {
            let decide = |draft: &mut Draft<'_>| {
                let record = draft.successor(&Key::user("z"));
                let seen = keys(draft, "t/");
                draft.put(&Key::user("z"), record);
                Ok::<_, Infallible>(seen)
            };
            space.commit(&Caller::System, decide).await.unwrap().reply
        })
    };
    assert_eq!(finish(&store, scan).await, ["t/a", "t/c", "t/d"]);
    for task in [gone].into_iter().chain(made) {
        task.await.unwrap().unwrap();
    }
}

async fn many(space: &Keyspace) -> Result<Committed<()>, ChangeError<Infallible>> {
    let decide = |draft: &mut Draft<'_>| {
        for n in 0..1_000 {
            let key = Key::user(format!("many/{n:04}"));
            let record = draft.successor(&key);
            draft.put(&key, record);
        }
        Ok(())
    };
    space.commit(&Caller::System, decide).await
}

#[tokio::test]
async fn what_a_wide_change_writes_waits_for_it_and_nothing_else_does() {
    let store = HeldStore::default();
    let space = store.open().await;
    let wide = {
        let space = space.clone();
        tokio::spawn(async move { many(&space).await })
    };
    store.accepted(1).await;
    let within = spawn(&space, "many/0500", create);
    let beside = spawn(&space, "other", create);
    store.accepted(2).await;
    run().await;
    assert_eq!(
        store.held().0,
        2,
        "the write within waits outside the store"
    );
    store.sync();
    let wide = wide.await.unwrap().unwrap().revision;
    assert_eq!(beside.await.unwrap().unwrap().revision, wide + 1);
    let within = finish(&store, within).await;
    assert!(matches!(
        within,
        Err(ChangeError::Refused {
            error: "exists",
            ..
        })
    ));
}

/// It is decided outside the critical section, on what is durable.
#[tokio::test]
async fn a_wide_change_does_not_miss_what_is_accepted_and_not_durable() {
    let store = HeldStore::default();
    let space = store.open().await;
    let filled = {
        let space = space.clone();
        tokio::spawn(async move { many(&space).await })
    };
    finish(&store, filled).await.unwrap();
    let small = spawn(&space, "many/new", create);
    store.accepted(1).await;
    let deleted = {
        let space = space.clone();
        tokio::spawn(async move {
            let decide = |draft: &mut Draft<'_>| {
                draft.delete_all(&Key::user("many/"));
                Ok::<_, Infallible>(())
            };
            space.commit(&Caller::System, decide).await.unwrap()
        })
    };
    run().await;
    let commit = finish(&store, deleted).await.commit.unwrap();
    assert_eq!(commit.changes.len(), 1_001);
    small.await.unwrap().unwrap();
    assert_eq!(get(&space, "many/new"), None);
}

#[tokio::test]
async fn a_stream_of_small_changes_does_not_starve_a_wide_one() {
    let store = HeldStore::default();
    let space = store.open().await;
    let mut small = vec![spawn(&space, "many/0001", add_one)];
    store.accepted(1).await;
    let wide = {
        let space = space.clone();
        tokio::spawn(async move { many(&space).await })
    };
    // Whenever the wide change is decided, another small one that it clashes with is on its way.
    for _ in 0..10 {
        run().await;
        store.sync();
        small.push(spawn(&space, "many/0001", add_one));
    }
    assert!(wide.is_finished());
    wide.await.unwrap().unwrap();
    for task in small {
        finish(&store, task).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_refreshed_by_an_accepted_write_does_not_expire() {
    let store = HeldStore::default();
    let space = store.open().await;
    let live = |space: &Keyspace| {
        let space = space.clone();
        tokio::spawn(async move {
            let key = Key::user("beat");
            let put = |draft: &mut Draft<'_>| {
                let mut record = draft.successor(&key);
                record.attrs.deadline = Some(draft.deadline_in(Duration::from_secs(5)));
                record.attrs.dir = DirMark::No;
                draft.put(&key, record);
                Ok::<_, Infallible>(())
            };
            space.commit(&Caller::System, put).await.unwrap()
        })
    };
    let setup = live(&space);
    finish(&store, setup).await;
    pass(Duration::from_secs(4)).await;
    let refresh = live(&space);
    store.accepted(1).await;
    pass(Duration::from_secs(2)).await;
    // It is due, and its end waits for what may have refreshed it.
    store.accepted(2).await;
    assert_eq!(store.held(), (2, 1));
    store.sync();
    refresh.await.unwrap();
    run().await;
    pass(Duration::from_secs(3)).await;
    while store.held().0 > 0 {
        store.sync();
        run().await;
    }
    assert!(get(&space, "beat").is_some(), "it has two seconds left");
}

#[tokio::test(start_paused = true)]
async fn writers_of_a_locked_key_do_not_keep_its_lease_alive() {
    let store = HeldStore::default();
    let space = store.open().await;
    let setup = {
        let space = space.clone();
        tokio::spawn(async move {
            let lease = Lease {
                id: LeaseId::random(),
                term_ms: Some(10_000),
                on_end: LeaseEnd::Release,
                lock_delay_ms: 0,
                labels: std::collections::BTreeMap::default(),
                owner: Principal::Anonymous,
                protocol: LeaseProtocol::Consul,
            };
            let lock = |draft: &mut Draft<'_>| {
                draft.put_lease(&lease);
                Ok::<_, Infallible>(draft.acquire(&Key::user("hot"), lease.id, |_| {}))
            };
            space.commit(&Caller::System, lock).await.unwrap();
            lease.id
        })
    };
    let lease = finish(&store, setup).await;
    // There is always a write of the key on its way.
    let write = spawn(&space, "hot", add_one);
    store.accepted(1).await;
    pass(Duration::from_secs(11)).await;
    store.accepted(2).await;
    assert_eq!(store.held(), (2, 0), "its end waits for nothing");
    store.sync();
    write.await.unwrap().unwrap();
    let view = space.read(&Caller::System);
    assert!(view.lease(lease).is_none());
    let entry = view.get(&Key::user("hot")).unwrap();
    assert_eq!(
        (entry.attrs().lock, entry.value().as_ref()),
        (None, &b"1"[..])
    );
}

#[tokio::test]
async fn the_size_of_the_keyspace_counts_what_is_accepted() {
    let store = HeldStore::default();
    let space = store.open().await;
    let size = |draft: &mut Draft<'_>, _: &str| Ok(draft.keyspace_bytes());
    let empty = finish(&store, spawn(&space, "", size)).await.unwrap().reply;
    let write = spawn(&space, "abc", add_one);
    store.accepted(1).await;
    let grown = spawn(&space, "abc", |draft, key| {
        let size = draft.keyspace_bytes();
        add_one(draft, key)?;
        Ok(size)
    });
    store.accepted(2).await;
    store.sync();
    write.await.unwrap().unwrap();
    let grown = grown.await.unwrap().unwrap().reply;
    let durable = finish(&store, spawn(&space, "", size)).await.unwrap().reply;
    assert!(grown > empty + 4);
    assert_eq!(
        grown, durable,
        "the second write replaced one byte by another"
    );
    assert_eq!(durable, space.read(&Caller::System).keyspace_bytes());
    assert_eq!(
        put_on(&store, &space).await,
        space.read(&Caller::System).revision()
    );
}

async fn put_on(store: &HeldStore, space: &Keyspace) -> u64 {
    let space = space.clone();
    finish(
        store,
        tokio::spawn(async move { put(&space, "x", "y").await }),
    )
    .await
}

#[tokio::test]
async fn what_an_accepted_change_keeps_is_kept_until_its_outcome_is_known() {
    // A small one, and one that is locked.
    for count in [1, 300] {
        let (store, kept) = (HeldStore::default(), Arc::new(()));
        let space = store.open().await;
        let gone = keeping_put(&space, count, &kept);
        store.accepted(1).await;
        gone.abort();
        assert!(gone.await.is_err());
        run().await;
        assert_eq!(Arc::strong_count(&kept), 2, "it is on its way");
        assert_eq!(store.sync(), 1);
        run().await;
        assert_eq!(Arc::strong_count(&kept), 1);
        let stays = keeping_put(&space, count, &kept);
        assert!(finish(&store, stays).await, "it is back with the answer");
    }
}

#[tokio::test]
async fn what_a_change_keeps_is_free_at_once_when_its_client_hangs_up_before_its_turn() {
    let (store, kept) = (HeldStore::default(), Arc::new(()));
    let space = store.open().await;
    let first = keeping_put(&space, 300, &Arc::new(()));
    store.accepted(1).await;
    // It waits for the locks of the first.
    let gone = keeping_put(&space, 1, &kept);
    run().await;
    assert_eq!((store.held(), Arc::strong_count(&kept)), ((1, 0), 2));
    gone.abort();
    assert!(gone.await.is_err());
    assert_eq!(Arc::strong_count(&kept), 1);
    assert!(finish(&store, first).await);
}
