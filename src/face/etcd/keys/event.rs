//! What happened to a node, as etcd tells it.

use std::sync::Arc;

use axum::body::Bytes;

use crate::model::{Cause, Change, Commit, Deadline, DirMark, Entry, Key, time};
use crate::space::tree::{self, Node};

/// A change of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// etcd's word for what was done.
    pub(super) action: &'static str,
    /// The node from here on.
    pub(super) node: Shown,
    /// The node before.
    pub(super) prev: Option<Shown>,
}

/// A node as one moment knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Its path, without slashes at its ends.
    pub(super) path: String,
    /// What it holds.
    pub(super) content: Content,
    /// When it ends, if ever.
    pub(super) deadline: Option<Deadline>,
    /// The moment, in milliseconds since 1970: a TTL is what is left from there.
    pub(super) as_of_ms: i64,
    /// `modifiedIndex`
    pub(super) modified: u64,
    /// `createdIndex`; 0 where it is not known any more.
    pub(super) created: u64,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A value.
    File(Bytes),
    /// Other nodes.
    Dir,
    /// Nothing: it is gone.
    Gone {
        /// It was a directory.
        was_dir: bool,
    },
}

/// The indexes of a directory. etcd never changes them once it is made, not even when its TTL is; one that nobody made
/// is as old as the first thing beneath it.
pub(super) fn dir_index(mark: Option<&Entry>, first: Option<&Entry>) -> u64 {
    mark.map(Entry::placed)
        .or(first.map(Entry::created))
        .unwrap_or_default()
}

impl Shown {
    fn file(path: &str, entry: &Entry, as_of_ms: i64) -> Self {
        Self {
            path: path.to_owned(),
            content: Content::File(entry.value().clone()),
            deadline: entry.attrs().deadline,
            as_of_ms,
            modified: entry.index(),
            created: entry.placed(),
        }
    }

    fn dir(path: &str, mark: Option<&Entry>, first: Option<&Entry>, as_of_ms: i64) -> Self {
        let index = dir_index(mark, first);
        Self {
            path: path.to_owned(),
            content: Content::Dir,
            deadline: mark.and_then(|mark| mark.attrs().deadline),
            as_of_ms,
            modified: index,
            created: index,
        }
    }

    fn of_node(path: &str, node: &Node, as_of_ms: i64) -> Option<Self> {
        match node {
            Node::Absent => None,
            Node::File { entry, .. } => Some(Self::file(path, entry, as_of_ms)),
            Node::Dir { mark, first } => {
                let mark = mark.as_ref().map(|(_, entry)| entry.as_ref());
                Some(Self::dir(path, mark, first.as_deref(), as_of_ms))
            }
        }
    }

    fn gone(path: &str, was_dir: bool, modified: u64, created: u64) -> Self {
        Self {
            path: path.to_owned(),
            content: Content::Gone { was_dir },
            deadline: None,
            as_of_ms: 0,
            modified,
            created,
        }
    }
}

/// The event of a change that a client of this face made: of the node it acted on, under the name it is answered by.
pub(super) fn of_write(commit: &Commit, action: &'static str) -> Option<Event> {
    let made = |change: &&Change| {
        change
            .now
            .as_ref()
            .is_some_and(|entry| entry.attrs().dir != DirMark::Implied)
    };
    // The client did not name an in-order key. All else in its commit are parents.
    let in_order = || commit.changes.iter().find(made).map(|change| &change.key);
    let acted_on = commit.subject.as_ref().or_else(in_order)?;
    of_node(commit, acted_on.node()?, action)
}

/// The event of all that a commit did to the node at this path and beneath it.
pub(super) fn of_node(commit: &Commit, path: &str, action: &'static str) -> Option<Event> {
    let own = |change: &&Change| change.key.node() == Some(path);
    let now = commit
        .changes
        .iter()
        .filter(own)
        .find_map(|change| change.now.as_ref());
    let as_of_ms = now.map_or_else(time::unix_ms, |entry| entry.attrs().mtime_ms);
    let before = before(commit, path);
    match now {
        Some(entry) if entry.attrs().dir == DirMark::No => Some(Event {
            action,
            node: Shown::file(path, entry, as_of_ms),
            prev: Shown::of_node(path, &before, as_of_ms),
        }),
        Some(mark) => {
            let mut node = Shown::dir(path, Some(mark), None, as_of_ms);
            let mut prev = Shown::of_node(path, &before, as_of_ms);
            if action == "update" && prev.is_none() {
                // A directory that nobody had made got an entry of its own with its first TTL.
                prev = Some(Shown {
                    deadline: None,
                    ..node.clone()
                });
            }
            node.modified = commit.revision;
            Some(Event { action, node, prev })
        }
        None => {
            let prev = Shown::of_node(path, &before, as_of_ms)?;
            let was_dir = prev.content == Content::Dir;
            Some(Event {
                action,
                node: Shown::gone(path, was_dir, commit.revision, prev.created),
                prev: Some(prev),
            })
        }
    }
}

/// What stood at the path, as far as a commit changed it.
fn before(commit: &Commit, path: &str) -> Node {
    let (mut plain, mut slashed, mut beneath) = (None, None, None);
    for change in &commit.changes {
        let (Some(node), Some(entry)) = (change.key.node(), &change.before) else {
            continue;
        };
        if node == path {
            let own = Some((change.key.clone(), Arc::clone(entry)));
            if change.key.as_bytes().ends_with(b"/") {
                slashed = own;
            } else {
                plain = own;
            }
        } else if is_beneath(node, path) {
            beneath.get_or_insert_with(|| Arc::clone(entry));
        }
    }
    tree::stand(plain, slashed, beneath)
}

/// Whether `path` lies beneath `above`; everything lies beneath the root.
pub(super) fn is_beneath(path: &str, above: &str) -> bool {
    if above.is_empty() {
        return !path.is_empty();
    }
    path.strip_prefix(above)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The event of a change to one key by another protocol.
pub(super) fn of_change(commit: &Commit, change: &Change) -> Option<Event> {
    let path = change.key.node()?;
    let implied = change
        .now
        .as_ref()
        .or(change.before.as_ref())
        .is_some_and(|entry| entry.attrs().dir == DirMark::Implied);
    if implied && change.now.is_some() {
        return None;
    }
    let stood = |entry: &Option<Arc<Entry>>| {
        let own = entry.clone().map(|entry| (change.key.clone(), entry));
        tree::stand(own, None, None)
    };
    let as_of_ms = change
        .now
        .as_ref()
        .map_or_else(time::unix_ms, |entry| entry.attrs().mtime_ms);
    let prev = Shown::of_node(path, &stood(&change.before), as_of_ms);
    if let Some(mut node) = Shown::of_node(path, &stood(&change.now), as_of_ms) {
        node.modified = commit.revision;
        return Some(Event {
            action: action_of(commit.cause, true),
            node,
            prev,
        });
    }
    let prev = prev?;
    let was_dir = prev.content == Content::Dir;
    Some(Event {
        action: action_of(commit.cause, false),
        node: Shown::gone(path, was_dir, commit.revision, prev.created),
        prev: Some(prev),
    })
}

/// The event of something that happened longer ago than commits are kept: what is there now.
pub(super) fn of_old_write(path: &str, node: &Node) -> Option<Event> {
    let node = Shown::of_node(path, node, time::unix_ms())?;
    let made = node.created == node.modified;
    Some(Event {
        action: if made { "set" } else { "update" },
        node,
        prev: None,
    })
}

/// The event of a deletion longer ago than commits are kept.
pub(super) fn of_old_deletion(path: &str, key: &Key, revision: u64) -> Event {
    let was_dir = key.as_bytes().ends_with(b"/");
    Event {
        action: "delete",
        node: Shown::gone(path, was_dir, revision, 0),
        prev: None,
    }
}

/// etcd's word for a cause, where the node is still there or not. Other protocols put writes and deletions into one
/// commit, whose cause then names the first of them.
pub(super) fn action_of(cause: Cause, there: bool) -> &'static str {
    match (cause, there) {
        (Cause::Set, true) => "set",
        (Cause::Create, true) => "create",
        (Cause::CompareAndSwap, true) => "compareAndSwap",
        (
            Cause::Update
            | Cause::Refresh
            | Cause::Delete
            | Cause::CompareAndDelete
            | Cause::Expire,
            true,
        ) => "update",
        (Cause::CompareAndDelete | Cause::CompareAndSwap, false) => "compareAndDelete",
        (Cause::Expire, false) => "expire",
        (Cause::Set | Cause::Create | Cause::Update | Cause::Refresh | Cause::Delete, false) => {
            "delete"
        }
    }
}
