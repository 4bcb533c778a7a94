//! Changes: decided on the current state, and made exactly once.

use std::convert::Infallible;

use kubekv::model::{Caller, Key};
use kubekv::space::{ChangeError, Lookup, PENDING};
use support::faces;

use super::{get, put};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_compare_and_swaps_lose_no_update() {
    let space = faces::space().await;
    let key = Key::user("counter");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (space, key) = (space.clone(), key.clone());
            tokio::spawn(async move {
                for _ in 0..100 {
                    space
                        .commit(&Caller::System, |draft| {
                            let count = draft.get(&key).map_or(0, |entry| {
                                std::str::from_utf8(entry.value())
                                    .unwrap()
                                    .parse::<u64>()
                                    .unwrap()
                            });
                            let mut record = draft.successor(&key);
                            record.value = (count + 1).to_string().into();
                            draft.put(&key, record);
                            Ok::<_, Infallible>(())
                        })
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(get(&space, "counter").as_deref(), Some("800"));
}

#[tokio::test]
async fn refused_change_has_no_effect_and_returns_the_index() {
    let space = faces::space().await;
    let at = put(&space, "a", "1").await;
    let refused = space
        .commit(&Caller::System, |draft| {
            draft.delete(&Key::user("a"));
            Err::<(), _>("no")
        })
        .await
        .unwrap_err();
    assert!(matches!(refused, ChangeError::Refused { error: "no", revision } if revision == at));
    assert_eq!(get(&space, "a").as_deref(), Some("1"));
    assert_eq!(space.read(&Caller::System).revision(), at);
}

#[tokio::test]
async fn change_without_writes_uses_no_revision() {
    let space = faces::space().await;
    let at = put(&space, "a", "1").await;
    let done = space
        .commit(&Caller::System, |draft| {
            Ok::<_, Infallible>(draft.delete(&Key::user("missing")))
        })
        .await
        .unwrap();
    assert!(!done.reply && done.commit.is_none());
    assert_eq!(done.revision, at);
}

#[tokio::test]
async fn writes_of_one_change_share_a_revision_and_see_each_other() {
    let space = faces::space().await;
    put(&space, "b", "old").await;
    let done = space
        .commit(&Caller::System, |draft| {
            for key in ["a", "b", "c"].map(Key::user) {
                let mut record = draft.successor(&key);
                record.value = "new".into();
                draft.put(&key, record);
            }
            draft.delete(&Key::user("c"));
            let seen: Vec<_> = draft
                .scan(&Key::user(""))
                .map(|(key, entry)| (key.clone(), entry.index()))
                .collect();
            Ok::<_, Infallible>(seen)
        })
        .await
        .unwrap();
    assert_eq!(
        done.reply,
        [(Key::user("a"), PENDING), (Key::user("b"), PENDING)]
    );
    let commit = done.commit.unwrap();
    let changed: Vec<_> = commit
        .changes
        .iter()
        .map(|change| change.key.clone())
        .collect();
    assert_eq!(
        changed,
        [Key::user("a"), Key::user("b")],
        "what was made and deleted at once never was"
    );
    let view = space.read(&Caller::System);
    for (sub, key) in (0..).zip(["a", "b"]) {
        let modified = view.get(&Key::user(key)).unwrap().modified;
        assert_eq!((modified.main, modified.sub), (done.revision, sub));
    }
    assert_eq!(commit.changes[1].before.as_ref().unwrap().value(), "old");
}

#[tokio::test]
async fn entry_keeps_its_creation_revision_until_deleted() {
    let space = faces::space().await;
    let first = put(&space, "a", "1").await;
    let second = put(&space, "a", "1").await;
    let view = space.read(&Caller::System);
    let entry = view.get(&Key::user("a")).unwrap();
    assert_eq!(
        (entry.created(), entry.index(), entry.attrs().version),
        (first, second, 1)
    );
    super::delete(&space, "a").await;
    let third = put(&space, "a", "1").await;
    let view = space.read(&Caller::System);
    let entry = view.get(&Key::user("a")).unwrap();
    assert_eq!((entry.created(), entry.attrs().version), (third, 0));
}

#[tokio::test]
async fn in_order_keys_are_named_by_their_revision() {
    let space = faces::space().await;
    let queue = Key::user("queue/");
    let mut names = Vec::new();
    for _ in 0..3 {
        let done = space
            .commit(&Caller::System, |draft| {
                let record = kubekv::model::Record::successor(None, draft.now_ms());
                draft.put_in_order(&queue, record);
                Ok::<_, Infallible>(())
            })
            .await
            .unwrap();
        let name = done.commit.unwrap().changes[0].key.to_string();
        assert_eq!(name, format!("queue/{:020}", done.revision));
        names.push(name);
    }
    assert!(names.is_sorted());
}
