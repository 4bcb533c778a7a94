//! Flat keys as a tree: one table of cases.

use kubekv::model::Caller;
use kubekv::space::{Keyspace, tree};
use support::faces;

use super::put;

async fn with(keys: &[(&str, &str)]) -> Keyspace {
    let space = faces::space().await;
    for (key, value) in keys {
        put(&space, key, value).await;
    }
    space
}

/// A node in one word: `-`, `dir`, or `file KEY`.
fn shown(node: &tree::Node) -> String {
    match node {
        tree::Node::Absent => "-".to_owned(),
        tree::Node::File { key, .. } => format!("file {key}"),
        tree::Node::Dir { .. } => "dir".to_owned(),
    }
}

fn at(space: &Keyspace, path: &str) -> String {
    shown(&tree::node(&space.read(&Caller::System), path))
}

#[tokio::test]
async fn key_with_and_without_a_slash_is_one_node() {
    let space = with(&[("a/", "v"), ("b", "1"), ("b/", "2"), ("c/", "")]).await;
    assert_eq!(at(&space, "a"), "file a/");
    assert_eq!(at(&space, "b"), "file b");
    assert_eq!(
        at(&space, "c"),
        "dir",
        "an empty value under a slash is Consul's folder"
    );
    assert_eq!(at(&space, "d"), "-");
    assert_eq!(at(&space, ""), "dir");
}

#[tokio::test]
async fn node_with_descendants_is_a_directory() {
    let space = with(&[("a", "hidden"), ("a/b/c", "v")]).await;
    assert_eq!(at(&space, "a"), "dir");
    assert_eq!(at(&space, "a/b"), "dir", "it is an implied directory");
    assert_eq!(at(&space, "a/b/c"), "file a/b/c");
}

#[tokio::test]
async fn keys_without_a_valid_path_are_in_no_tree() {
    let space = with(&[("a//b", "v"), ("/c", "v"), ("d", "v")]).await;
    assert_eq!(at(&space, "a"), "-");
    let view = space.read(&Caller::System);
    let names: Vec<_> = tree::children(&view, "").into_keys().collect();
    assert_eq!(names, ["d"]);
}

#[tokio::test]
async fn each_child_is_listed_once_regardless_of_key_order() {
    let keys = [
        "n/a", "n/a-b", "n/a/x", "n/a/y/z", "n/a0", "n/b/", "n/c/d", "n/c-", "na", "n",
    ];
    let space = with(&keys.map(|key| (key, "v"))).await;
    let view = space.read(&Caller::System);
    let children = tree::children(&view, "n");
    let names: Vec<_> = children.keys().map(String::as_str).collect();
    assert_eq!(names, ["a", "a-b", "a0", "b", "c", "c-"]);
    // Both ways of reading a directory agree, all the way down.
    let whole = tree::tree(&view, "n");
    for (name, child) in &whole.children {
        assert_eq!(shown(&child.node), shown(&children[name]), "{name}");
        for deep in child.children.keys() {
            let path = format!("n/{name}/{deep}");
            assert_eq!(
                shown(&child.children[deep].node),
                at(&space, &path),
                "{path}"
            );
        }
    }
    assert_eq!(whole.children.len(), children.len());
}

#[tokio::test]
async fn missing_parents_are_created_with_their_child() {
    let space = with(&[("file", "v"), ("old/x", "v")]).await;
    let make = async |path: &'static str| {
        let made = space
            .commit(&Caller::System, |draft| draft.make_parents(path))
            .await;
        made.map(|done| done.commit.map_or(0, |commit| commit.changes.len()))
    };
    assert_eq!(make("a/b/c").await.unwrap(), 2);
    assert_eq!(make("a/b/d").await.unwrap(), 0);
    assert_eq!(make("old/y").await.unwrap(), 0);
    assert!(make("file/y").await.is_err());
    assert_eq!(at(&space, "a/b"), "dir");
    assert_eq!(at(&space, "a/b/c"), "-");
}
