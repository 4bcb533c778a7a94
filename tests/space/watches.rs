//! What watchers are promised.

use kubekv::model::{Caller, Key, KeyRange};
use kubekv::space::node_ranges;

use super::{common, delete, put};

#[tokio::test]
async fn a_change_is_with_its_watchers_before_it_is_answered() {
    let space = common::space().await;
    let mut watch = space.watch(&Caller::System, vec![KeyRange::Prefix(Key::user("a"))]);
    for round in 0..100 {
        let revision = put(&space, "a/b", &round.to_string()).await;
        assert_eq!(watch.try_next().unwrap().unwrap().revision, revision);
        assert!(space.read(&Caller::System).revision() >= revision);
    }
}

#[tokio::test]
async fn an_equal_value_is_a_change_too() {
    let space = common::space().await;
    let mut watch = space.watch(&Caller::System, node_ranges("a", false));
    put(&space, "a", "same").await;
    put(&space, "a", "same").await;
    assert!(watch.try_next().is_some() && watch.try_next().is_some());
}

#[tokio::test]
async fn what_was_missed_can_be_found_again() {
    let space = common::space().await;
    let first = put(&space, "a", "1").await;
    put(&space, "other", "1").await;
    let second = put(&space, "a", "2").await;
    let third = delete(&space, "a").await;
    let key = Key::user("a");
    let mut found = Vec::new();
    let mut from = first + 1;
    while let Some(revision) = space
        .find_commit(from, |commit| {
            commit
                .changes
                .iter()
                .any(|change| change.key == key)
                .then_some(commit.revision)
        })
        .unwrap()
    {
        found.push(revision);
        from = revision + 1;
    }
    assert_eq!(found, [second, third]);
}
