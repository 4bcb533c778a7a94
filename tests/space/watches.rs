//! Watches: delivery before the answer, and freshness of cached answers.

use kubekv::model::{Caller, Key, KeyRange};
use kubekv::space::{Lookup, Visibility, node_ranges};
use support::faces;

use super::{delete, put};

#[tokio::test]
async fn change_reaches_watches_before_it_is_answered() {
    let space = faces::space().await;
    let mut watch = space.watch(&Caller::System, vec![KeyRange::Prefix(Key::user("a"))]);
    for round in 0..100 {
        let revision = put(&space, "a/b", &round.to_string()).await;
        assert_eq!(watch.try_next().unwrap().unwrap().revision, revision);
        assert!(space.read(&Caller::System).revision() >= revision);
    }
}

#[tokio::test]
async fn write_of_an_equal_value_is_a_change() {
    let space = faces::space().await;
    let mut watch = space.watch(&Caller::System, node_ranges("a", false));
    put(&space, "a", "same").await;
    put(&space, "a", "same").await;
    assert!(watch.try_next().is_some() && watch.try_next().is_some());
}

#[tokio::test]
async fn missed_changes_are_found_in_the_history() {
    let space = faces::space().await;
    let first = put(&space, "a", "1").await;
    put(&space, "other", "1").await;
    let second = put(&space, "a", "2").await;
    let third = delete(&space, "a").await;
    let key = Key::user("a");
    let mut found = Vec::new();
    let mut from = first + 1;
    let view = space.read(&Caller::System);
    while let Some(revision) = space
        .find_commit(&view, from, |commit| {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visible_change_invalidates_everything_built_without_it() {
    let space = faces::space().await;
    put(&space, "d/a", "0").await;
    let writer = {
        let space = space.clone();
        tokio::spawn(async move {
            for count in 1..=2_000 {
                put(&space, "d/a", &count.to_string()).await;
            }
        })
    };
    while !writer.is_finished() {
        let (view, fresh) =
            space.read_and_follow(&Caller::System, Visibility::All, node_ranges("d", true));
        let made = view
            .get(&Key::user("d/a"))
            .map(|entry| String::from_utf8(entry.value().to_vec()).unwrap());
        while fresh.is_fresh() && !writer.is_finished() {
            let seen = super::get(&space, "d/a");
            assert!(
                seen == made || !fresh.is_fresh(),
                "{seen:?} was seen, {made:?} was fresh"
            );
        }
    }
    writer.await.unwrap();
    let (_, fresh) =
        space.read_and_follow(&Caller::System, Visibility::All, node_ranges("d", true));
    put(&space, "other", "").await;
    assert!(fresh.is_fresh(), "its entries did not change");
    delete(&space, "d/a").await;
    assert!(!fresh.is_fresh());
}
