//! The embedded store's state after a restart.

use std::collections::HashMap;
use std::sync::Arc;

use kubekv::model::{Cause, Entry, Key, Proposal};
use kubekv::store::{RetentionFloors, Store};

use crate::common::{Recorder, delete, entry, look, open, proposal, put, sorted, write};

#[tokio::test]
async fn entries_history_deletions_and_name_survive_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (store, first) = open(dir.path()).await.unwrap();
    store.close().await;
    let sink = Recorder::new();
    let store = crate::common::embedded(dir.path());
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let (a, b) = (Key::user("a"), Key::system("b"));
    let one = put(&store, &a, None, "1").await.unwrap();
    put(&store, &b, None, "2").await.unwrap();
    let three = put(&store, &a, Some(&entry(&one, &a)), "3").await.unwrap();
    store
        .commit(Proposal {
            cause: Cause::Expire,
            subject: Some(Key::user(b"\xff/")),
            writes: vec![write(&a, Some(&entry(&three, &a)), None)],
        })
        .await
        .unwrap();
    store.commit(proposal(Vec::new())).await.unwrap();
    store.close().await;

    let opened = look(dir.path()).await.unwrap();
    assert_eq!(opened.identity, first.identity);
    assert_eq!(opened.revision, 5);
    assert_eq!(opened.history, sink.delivered(), "`before` included");
    let [(key, left)] = &sorted(&opened)[..] else {
        panic!("{:?}", opened.entries);
    };
    assert_eq!((key, left.index()), (&b, 2));
    assert_eq!(opened.deletions, vec![(a, 4)]);
    assert_eq!((opened.history_floor, opened.deletions_floor), (0, 0));
}

#[tokio::test]
async fn rewritten_key_has_no_deletion_record() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await.unwrap();
    let key = Key::user("k");
    let mut commit = put(&store, &key, None, "v").await.unwrap();
    for _ in 0..3 {
        delete(&store, &key, &entry(&commit, &key)).await.unwrap();
        commit = put(&store, &key, None, "v").await.unwrap();
    }
    store.close().await;
    let opened = look(dir.path()).await.unwrap();
    assert!(opened.deletions.is_empty());
    assert_eq!(opened.history.len(), 7);
}

#[tokio::test]
async fn revisions_continue_after_restart() {
    let dir = tempfile::tempdir().unwrap();
    let key = Key::user("k");
    let mut before: Option<Arc<Entry>> = None;
    for expected in 1..=5 {
        let (store, opened) = open(dir.path()).await.unwrap();
        assert_eq!(opened.revision, expected - 1);
        let commit = put(&store, &key, before.as_ref(), "v").await.unwrap();
        assert_eq!(commit.revision, expected);
        before = Some(entry(&commit, &key));
        store.close().await;
    }
}

/// The state that a store must still have, kept beside it.
#[derive(Default)]
struct Model {
    live: HashMap<Key, Arc<Entry>>,
    gone: HashMap<Key, u64>,
}

#[tokio::test]
async fn trimming_keeps_everything_above_the_floors() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await.unwrap();
    let mut model = Model::default();
    let mut random = crate::kill::Random(7);
    for _ in 0..2000 {
        let key = Key::user(format!("k{}", random.below(40)));
        let before = model.live.get(&key).cloned();
        let commit = match &before {
            Some(entry) if random.below(2) == 0 => {
                model.live.remove(&key);
                let commit = delete(&store, &key, entry).await.unwrap();
                model.gone.insert(key.clone(), commit.revision);
                commit
            }
            _ => {
                let commit = put(&store, &key, before.as_ref(), "v").await.unwrap();
                model.live.insert(key.clone(), entry(&commit, &key));
                model.gone.remove(&key);
                commit
            }
        };
        store.trim(RetentionFloors {
            history_floor: commit.revision.saturating_sub(100),
            deletions_floor: commit.revision.saturating_sub(500),
        });
    }
    store.close().await;
    let opened = look(dir.path()).await.unwrap();
    assert_eq!(
        opened.entries.into_iter().collect::<HashMap<_, _>>(),
        model.live
    );
    assert!(opened.history_floor > 1800, "{}", opened.history_floor);
    assert!(opened.history_floor <= 1900, "{}", opened.history_floor);
    let revisions: Vec<_> = opened
        .history
        .iter()
        .map(|commit| commit.revision)
        .collect();
    let expected: Vec<_> = (opened.history_floor + 1..=2000).collect();
    assert_eq!(revisions, expected);
    assert!(opened.deletions_floor > 1400 && opened.deletions_floor <= 1500);
    let wanted: HashMap<_, _> = model
        .gone
        .into_iter()
        .filter(|(_, at)| *at > opened.deletions_floor)
        .collect();
    assert_eq!(
        opened.deletions.into_iter().collect::<HashMap<_, _>>(),
        wanted
    );
}
