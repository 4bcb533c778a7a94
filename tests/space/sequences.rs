//! Sequences: children numbered by how many their parent ever had, commits that are on their way among them.

use std::convert::Infallible;

use kubekv::model::{Caller, Key};
use kubekv::space::{Directory, Draft, Keyspace, Lookup};
use support::faces;

use super::held_store::{HeldStore, finish, run};
use super::{change, put};

/// Creates a child named by the number of children that its parent ever had.
async fn create_in_sequence(space: &Keyspace, parent: &'static str) -> String {
    change(space, |draft| {
        let number = draft.directory(parent).ever;
        let key = Key::user(format!("{parent}/n-{number:010}"));
        assert!(draft.get(&key).is_none(), "{key:?} is there");
        let record = draft.successor(&key);
        draft.put(&key, record);
        number.to_string()
    })
    .await
}

#[tokio::test]
async fn a_thousand_creates_under_one_parent_share_a_sync_and_no_number() {
    let store = HeldStore::default();
    let space = store.open().await;
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let space = space.clone();
            tokio::spawn(async move { create_in_sequence(&space, "p").await })
        })
        .collect();
    store.accepted(1_000).await;
    assert_eq!(store.sync(), 1_000, "none waits for another");
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap().parse::<u64>().unwrap());
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..1_000));
    let expected = Directory {
        children: 1_000,
        ever: 1_000,
        changed: space.read(&Caller::System).revision(),
    };
    assert_eq!(space.read(&Caller::System).directory("p"), expected);
}

#[tokio::test]
async fn numbers_of_creates_that_failed_are_given_out_again() {
    let store = HeldStore::default();
    let space = store.open().await;
    let create = || {
        let space = space.clone();
        tokio::spawn(async move {
            let decide = |draft: &mut Draft<'_>| {
                let number = draft.directory("p").ever;
                let key = Key::user(format!("p/{number}"));
                let record = draft.successor(&key);
                draft.put(&key, record);
                Ok::<_, Infallible>(number)
            };
            space.commit(&Caller::System, decide).await
        })
    };
    let (first, second) = (create(), create());
    store.accepted(2).await;
    store.refuse();
    first.await.unwrap().unwrap_err();
    // The second is decided again, and the first is not there any more.
    assert_eq!(finish(&store, second).await.unwrap().reply, 0);
}

#[tokio::test]
async fn a_sequence_goes_on_behind_a_wide_change_under_its_parent() {
    let store = HeldStore::default();
    let space = store.open().await;
    let wide = {
        let space = space.clone();
        tokio::spawn(async move {
            change(&space, |draft| {
                for n in 0..500 {
                    let key = Key::user(format!("p/wide-{n}"));
                    let record = draft.successor(&key);
                    draft.put(&key, record);
                }
            })
            .await;
        })
    };
    store.accepted(1).await;
    let plain = {
        let space = space.clone();
        tokio::spawn(async move { put(&space, "p/plain", "").await })
    };
    store.accepted(2).await;
    let next = {
        let space = space.clone();
        tokio::spawn(async move { create_in_sequence(&space, "p").await })
    };
    run().await;
    assert_eq!(store.held().0, 2, "it waits for the wide change alone");
    assert_eq!(finish(&store, next).await, "501");
    wide.await.unwrap();
    plain.await.unwrap();
}

#[tokio::test]
async fn a_draft_counts_its_own_writes_but_not_those_it_undoes() {
    let space = faces::space().await;
    put(&space, "p/a", "").await;
    let counts = change(&space, |draft| {
        let put = |draft: &mut Draft<'_>, key: &str| {
            let key = Key::user(key);
            let record = draft.successor(&key);
            draft.put(&key, record);
        };
        put(draft, "p/b");
        let mut counts = vec![draft.directory("p").ever];
        put(draft, "p/c");
        counts.push(draft.directory("p").ever);
        draft.delete(&Key::user("p/c"));
        counts.push(draft.directory("p").ever);
        draft.delete(&Key::user("p/a"));
        put(draft, "p/a");
        counts.push(draft.directory("p").ever);
        counts
    });
    assert_eq!(counts.await, [2, 3, 2, 3]);
    let directory = space.read(&Caller::System).directory("p");
    assert_eq!((directory.children, directory.ever), (2, 3));
}

/// Stores that do not accept in order lock the counter: otherwise two would get the same number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequence_gives_each_number_once_on_a_store_that_does_not_accept_in_order() {
    let space = faces::space().await;
    // Names of their own: the keys alone would keep them apart no more.
    let tasks: Vec<_> = (0..200)
        .map(|task| {
            let space = space.clone();
            let create = move |draft: &mut Draft<'_>| {
                let number = draft.directory("p").ever;
                let key = Key::user(format!("p/{task}-{number:010}"));
                let record = draft.successor(&key);
                draft.put(&key, record);
                number
            };
            tokio::spawn(async move { change(&space, create).await })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..200));
}
