//! Tallies: counts of children that another gateway derives from the entries of a shared store are those of the gateway before.

use std::convert::Infallible;

use kubekv::model::{Caller, Key, Record};
use kubekv::space::{Directory, Draft, Keyspace};

use super::log_store::LogStore;
use super::{delete, put};

const PATHS: [&str; 5] = ["", "p", "p/q", "p/q/r", "s"];

fn counts(space: &Keyspace) -> Vec<Directory> {
    let view = space.read(&Caller::System);
    PATHS.iter().map(|path| view.directory(path)).collect()
}

/// Deletes a node as ZooKeeper's clients do: its parent stays.
async fn remove(space: &Keyspace, path: &str) {
    let decide = |draft: &mut Draft<'_>| {
        draft.keep_parent_of(path);
        Ok::<_, Infallible>(draft.delete(&Key::user(path)))
    };
    space.commit(&Caller::System, decide).await.unwrap();
}

fn tallies(space: &Keyspace) -> usize {
    let view = space.read(&Caller::System);
    let all = kubekv::model::KeyRange::Prefix(Key::system("children/"));
    view.entries_from(&all, &Key::system("children/")).count()
}

/// Many clients at a time, so that requests overtake each other and decisions rest on what is no longer so.
#[tokio::test]
async fn another_gateway_counts_what_the_one_before_did() {
    let store = LogStore::default();
    let mut random = fastrand::Rng::with_seed(7);
    let mut space = store.open().await;
    for path in ["p", "p/q", "p/q/r", "s"] {
        put(&space, path, "").await;
    }
    for _round in 0..40 {
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                let (space, parent) = (space.clone(), PATHS[random.usize(1..PATHS.len())]);
                let path = format!("{parent}/{}", random.u8(0..12));
                let creates = random.u8(0..5) < 3;
                tokio::spawn(async move {
                    if creates {
                        put(&space, &path, "").await;
                    } else {
                        remove(&space, &path).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let before = counts(&space);
        space = store.open().await;
        assert_eq!(counts(&space), before);
    }
    let ever = counts(&space)[1].ever;
    assert!(ever > 20, "children came and went: {ever}");
}

#[tokio::test]
async fn a_number_is_not_given_out_again_when_the_highest_child_is_gone() {
    let store = LogStore::default();
    let space = store.open().await;
    put(&space, "p", "").await;
    for n in 0..3 {
        put(&space, &format!("p/{n}"), "").await;
    }
    for n in (0..3).rev() {
        remove(&space, &format!("p/{n}")).await;
    }
    let before = counts(&space)[1];
    assert_eq!((before.children, before.ever), (0, 3));
    let space = store.open().await;
    assert_eq!(counts(&space)[1], before);
    // A node that is deleted and made again begins anew, here and at the next gateway.
    remove(&space, "p").await;
    assert!(tallies(&space) > 0, "of the root");
    put(&space, "p", "").await;
    put(&space, "p/0", "").await;
    let before = counts(&space);
    assert_eq!(before[1].ever, 1);
    let space = store.open().await;
    assert_eq!(counts(&space), before);
}

#[tokio::test]
async fn tallies_are_few_and_go_with_their_node() {
    let store = LogStore::default();
    let space = store.open().await;
    put(&space, "p", "").await;
    for n in 0..200 {
        put(&space, &format!("p/{n}"), "").await;
        remove(&space, &format!("p/{n}")).await;
    }
    assert!(tallies(&space) <= 16, "{}", tallies(&space));
    remove(&space, "p").await;
    assert_eq!(tallies(&space), 1, "the root's");
}

/// Clients of Consul and etcd ask for no counts, and their deletions are as cheap as before.
#[tokio::test]
async fn a_deletion_beneath_a_parent_that_nobody_wrote_leaves_nothing() {
    let store = LogStore::default();
    let space = store.open().await;
    put(&space, "d/network/a", "").await;
    put(&space, "d/network/b", "").await;
    delete(&space, "d/network/a").await;
    put(&space, "e/", "").await;
    put(&space, "e/a", "").await;
    delete(&space, "e/a").await;
    assert_eq!(tallies(&space), 0);
}

#[tokio::test]
async fn what_others_delete_counts_when_a_gateway_deletes_next() {
    let store = LogStore::default();
    let space = store.open().await;
    put(&space, "p", "").await;
    for n in 0..3 {
        put(&space, &format!("p/{n}"), "").await;
    }
    store.write_externally(&Key::user("p/2"), None);
    store.write_externally(&Key::user("p/3"), Some(Record::default()));
    remove(&space, "p/1").await;
    let before = counts(&space)[1];
    assert_eq!((before.children, before.ever), (2, 4));
    assert_eq!(counts(&store.open().await)[1], before);
}
