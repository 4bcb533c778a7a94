//! Wide changes: they hold up nobody while they are decided, and miss nothing that is written meanwhile.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use kubekv::model::{Caller, Key};
use kubekv::space::{Committed, Draft, Keyspace, Lookup};
use support::faces;
use tokio::runtime::Handle;

use super::{get, put};

async fn fill(space: &Keyspace, count: usize) {
    let fill = |draft: &mut Draft<'_>| {
        for n in 0..count {
            let key = Key::user(format!("a/{n:05}"));
            let record = draft.successor(&key);
            draft.put(&key, record);
        }
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, fill).await.unwrap();
}

fn count(space: &Keyspace) -> usize {
    space.read(&Caller::System).scan(&Key::user("a/")).count()
}

/// Deletes all under `a/`, and calls `meanwhile` each time that this is decided.
async fn delete_all(space: &Keyspace, meanwhile: impl Fn(usize) + Sync) -> Committed<()> {
    let decided = AtomicUsize::new(0);
    let delete = |draft: &mut Draft<'_>| {
        draft.delete_all(&Key::user("a/"));
        meanwhile(decided.fetch_add(1, Ordering::Relaxed));
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, delete).await.unwrap()
}

/// Writes a key from within a decision; false where nobody can write while it is made.
fn writes_meanwhile(space: &Keyspace, runtime: &Handle, key: String) -> bool {
    writes_within(Duration::from_secs(20), space, runtime, key)
}

fn writes_within(patience: Duration, space: &Keyspace, runtime: &Handle, key: String) -> bool {
    let (done, wait) = mpsc::channel();
    let space = space.clone();
    runtime.spawn(async move {
        put(&space, &key, "v").await;
        // Nobody may wait for it any more.
        let _sent = done.send(());
    });
    wait.recv_timeout(patience).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn others_write_while_a_wide_change_is_decided() {
    let space = faces::space().await;
    fill(&space, 5_000).await;
    let runtime = Handle::current();
    let deleted = delete_all(&space, |decided| {
        if decided == 1 {
            assert!(writes_meanwhile(&space, &runtime, "other".to_owned()));
        }
    });
    let commit = deleted.await.commit.unwrap();
    assert_eq!((commit.changes.len(), count(&space)), (5_000, 0));
    assert_eq!(get(&space, "other").as_deref(), Some("v"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_written_into_a_wide_change_while_it_is_decided_is_not_missed() {
    let space = faces::space().await;
    fill(&space, 5_000).await;
    let runtime = Handle::current();
    let deleted = delete_all(&space, |decided| {
        if decided == 1 {
            assert!(writes_meanwhile(&space, &runtime, "a/new".to_owned()));
        }
    });
    let commit = deleted.await.commit.unwrap();
    assert_eq!((commit.changes.len(), count(&space)), (5_001, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_do_not_keep_a_wide_change_from_its_turn_for_ever() {
    let space = faces::space().await;
    fill(&space, 5_000).await;
    let runtime = Handle::current();
    let decided_in_all = AtomicUsize::new(0);
    let deleted = delete_all(&space, |decided| {
        decided_in_all.store(decided, Ordering::Relaxed);
        let key = format!("a/new{decided}");
        match decided {
            0 => {}
            1..=3 => assert!(writes_meanwhile(&space, &runtime, key)),
            // Inside the critical section: however long one waits, nobody can.
            _ => assert!(!writes_within(
                Duration::from_millis(100),
                &space,
                &runtime,
                key
            )),
        }
    });
    assert_eq!(deleted.await.commit.unwrap().changes.len(), 5_003);
    assert_eq!(decided_in_all.load(Ordering::Relaxed), 4);
}
