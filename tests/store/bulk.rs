//! Bulk changes: many entries in one commit.

use std::sync::Arc;

use kubekv::model::{Entry, Key, Record, Target, Write};
use kubekv::store::{CommitError, Store};
use tokio::task::JoinSet;

use crate::common::{Recorder, commit, delete, entry, proposal, put};

/// The number of entries changed at once.
const MANY: usize = 200;

/// Creates entries one by one, a few concurrently.
async fn make(store: &Arc<dyn Store>, keys: Vec<Key>) -> Vec<Arc<Entry>> {
    let mut made = Vec::new();
    for some in keys.chunks(32) {
        let mut tasks = JoinSet::new();
        for (place, key) in some.iter().cloned().enumerate() {
            let store = Arc::clone(store);
            tasks.spawn(async move {
                let commit = put(&*store, &key, None, "v").await.unwrap();
                (place, entry(&commit, &key))
            });
        }
        let mut some = tasks.join_all().await;
        some.sort_by_key(|(place, _)| *place);
        made.extend(some.into_iter().map(|(_, entry)| entry));
    }
    made
}

fn changed(key: Key, before: Option<&Arc<Entry>>, put: Option<Record>) -> Write {
    Write {
        target: Target::Key(key),
        before: before.cloned(),
        put,
    }
}

/// The same value, without the lock.
fn released(before: &Entry) -> Record {
    let mut record = before.record.clone();
    record.attrs.lock = None;
    record
}

fn locks() -> Vec<Key> {
    let key = |n| Key::user(format!("l/{n:03}"));
    (0..MANY).map(key).collect()
}

/// Unchanged entries, between the changed ones.
fn others() -> Vec<Key> {
    let key = |n| Key::user(format!("l/{n:03}/other"));
    (0..MANY).map(key).collect()
}

/// The end of a lease: half the entries are released, half deleted, and each gets a record of the gateway's own.
fn end(locks: &[(Key, Arc<Entry>)]) -> Vec<Write> {
    let each = |(n, (key, before)): (usize, &(Key, Arc<Entry>))| {
        let put = (n % 2 == 0).then(|| released(before));
        let own = Key::system([b"delay/", key.as_bytes()].concat());
        [
            changed(key.clone(), Some(before), put),
            changed(own, None, Some(Record::default())),
        ]
    };
    locks.iter().enumerate().flat_map(each).collect()
}

pub(crate) async fn bulk_change_is_atomic(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let locked: Vec<_> = locks()
        .into_iter()
        .zip(make(&store, locks()).await)
        .collect();
    let beside = make(&store, others()).await;
    // One of the entries has changed.
    let (key, stale) = &locked[MANY / 2];
    let newer = put(&*store, key, Some(stale), "newer").await.unwrap();
    let refused = store.commit(proposal(end(&locked))).await;
    assert_eq!(refused, Err(CommitError::Conflict));
    let before = sink.delivered().len();
    let mut locked = locked;
    locked[MANY / 2].1 = entry(&newer, &locked[MANY / 2].0);

    let commit = commit(&*store, end(&locked)).await.unwrap();
    assert_eq!(sink.delivered().len(), before + 1);
    assert_eq!(commit.changes.len(), MANY * 2);
    for (n, (key, was)) in locked.iter().enumerate() {
        let change = commit.changes.iter().find(|change| change.key == *key);
        let now = change.unwrap().now.as_ref();
        assert_eq!(now.is_some(), n % 2 == 0, "{key:?}");
        if let Some(now) = now {
            assert_eq!(now.value(), was.value());
            assert_eq!(now.attrs().lock, None);
            assert_eq!(now.modified.main, commit.revision);
        }
    }
    // The store holds what was delivered: the next writes expect it.
    let gone = make(&store, vec![locks().swap_remove(1)]).await;
    delete(&*store, &locks()[1], &gone[0]).await.unwrap();
    let kept = entry(&commit, &locks()[0]);
    delete(&*store, &locks()[0], &kept).await.unwrap();
    for (key, entry) in others().iter().zip(&beside) {
        delete(&*store, key, entry).await.unwrap();
    }
}

pub(crate) async fn bulk_deletion_of_neighbours_is_atomic_and_exact(store: Arc<dyn Store>) {
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let keys: Vec<_> = (0..500).map(|n| Key::user(format!("t/{n}"))).collect();
    let edges = ["t", "t0", ".kubekv/t/1"].map(Key::user);
    let stay = make(&store, edges.to_vec()).await;
    let all = make(&store, keys.clone()).await;
    let delete_all = |all: &[Arc<Entry>]| {
        let writes = keys.iter().zip(all);
        writes
            .map(|(key, before)| changed(key.clone(), Some(before), None))
            .collect()
    };
    let newer = put(&*store, &keys[250], Some(&all[250]), "newer")
        .await
        .unwrap();
    let refused = store.commit(proposal(delete_all(&all))).await;
    assert_eq!(refused, Err(CommitError::Conflict));
    let mut all = all;
    all[250] = entry(&newer, &keys[250]);
    let commit = commit(&*store, delete_all(&all)).await.unwrap();
    assert_eq!(commit.changes.len(), 500);
    assert!(commit.changes.iter().all(|change| change.now.is_none()));
    assert_eq!(sink.delivered().last(), Some(&commit));
    for (key, entry) in edges.iter().zip(&stay) {
        delete(&*store, key, entry).await.unwrap();
    }
    make(&store, keys).await;
}
