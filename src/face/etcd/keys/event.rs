//! Event: a change of a node, with the action, the node and the node before.

use std::sync::Arc;

use super::event_node::{EventNode, NodeContent};
use crate::model::{Cause, Change, Commit, DirMark, Entry, Key, time};
use crate::space::tree::{self, Node};

/// An event in etcd's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeEvent {
    /// `action`
    pub(super) action: &'static str,
    /// `node`: the node after the change.
    pub(super) node: EventNode,
    /// `prevNode`: the node before the change.
    pub(super) prev: Option<EventNode>,
}

/// The event of a client's own change, for the answer to it: of the node it acted on, with the action of its operation.
pub(super) fn of_write(commit: &Commit, action: &'static str) -> Option<NodeEvent> {
    let not_implied = |change: &&Change| {
        change
            .now
            .as_ref()
            .is_some_and(|entry| entry.attrs().dir != DirMark::Implied)
    };
    // The client did not name an in-order key. All other changes of its commit create parents.
    let in_order = || {
        commit
            .changes
            .iter()
            .find(not_implied)
            .map(|change| &change.key)
    };
    let acted_on = commit.subject.as_ref().or_else(in_order)?;
    of_node(commit, acted_on.node()?, action)
}

/// The event of a commit's changes at this path and beneath it.
pub(super) fn of_node(commit: &Commit, path: &str, action: &'static str) -> Option<NodeEvent> {
    let own = |change: &&Change| change.key.node() == Some(path);
    let now = commit
        .changes
        .iter()
        .filter(own)
        .find_map(|change| change.now.as_ref());
    let as_of_ms = now.map_or_else(time::unix_ms, |entry| entry.attrs().mtime_ms);
    let before = before(commit, path);
    match now {
        Some(entry) if entry.attrs().dir == DirMark::No => Some(NodeEvent {
            action,
            node: EventNode::file(path, entry, as_of_ms),
            prev: EventNode::of_node(path, &before, as_of_ms),
        }),
        Some(mark) => {
            let mut node = EventNode::dir(path, Some(mark), None, as_of_ms);
            let mut prev = EventNode::of_node(path, &before, as_of_ms);
            if action == "update" && prev.is_none() {
                // An implied directory got an entry of its own with its first TTL.
                prev = Some(EventNode {
                    deadline: None,
                    ..node.clone()
                });
            }
            node.modified = commit.revision;
            Some(NodeEvent { action, node, prev })
        }
        None => {
            let prev = EventNode::of_node(path, &before, as_of_ms)?;
            let was_dir = prev.content == NodeContent::Dir;
            Some(NodeEvent {
                action,
                node: EventNode::gone(path, was_dir, commit.revision, prev.created),
                prev: Some(prev),
            })
        }
    }
}

/// The node that was at the path, as far as the commit changed it.
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

/// The event of a change of one key by another protocol.
pub(super) fn of_change(commit: &Commit, change: &Change) -> Option<NodeEvent> {
    let path = change.key.node()?;
    let implied = change
        .now
        .as_ref()
        .or(change.before.as_ref())
        .is_some_and(|entry| entry.attrs().dir == DirMark::Implied);
    if implied && change.now.is_some() {
        return None;
    }
    let node_of = |entry: &Option<Arc<Entry>>| {
        let own = entry.clone().map(|entry| (change.key.clone(), entry));
        tree::stand(own, None, None)
    };
    let as_of_ms = change
        .now
        .as_ref()
        .map_or_else(time::unix_ms, |entry| entry.attrs().mtime_ms);
    let prev = EventNode::of_node(path, &node_of(&change.before), as_of_ms);
    if let Some(mut node) = EventNode::of_node(path, &node_of(&change.now), as_of_ms) {
        node.modified = commit.revision;
        return Some(NodeEvent {
            action: action_of(commit.cause, true),
            node,
            prev,
        });
    }
    let prev = prev?;
    let was_dir = prev.content == NodeContent::Dir;
    Some(NodeEvent {
        action: action_of(commit.cause, false),
        node: EventNode::gone(path, was_dir, commit.revision, prev.created),
        prev: Some(prev),
    })
}

/// The event that stands for a write before the history: the node as it is now.
pub(super) fn of_old_write(path: &str, node: &Node) -> Option<NodeEvent> {
    let node = EventNode::of_node(path, node, time::unix_ms())?;
    let created = node.created == node.modified;
    Some(NodeEvent {
        action: if created { "set" } else { "update" },
        node,
        prev: None,
    })
}

/// The event that stands for a deletion before the history.
pub(super) fn of_old_deletion(path: &str, key: &Key, revision: u64) -> NodeEvent {
    let was_dir = key.as_bytes().ends_with(b"/");
    NodeEvent {
        action: "delete",
        node: EventNode::gone(path, was_dir, revision, 0),
        prev: None,
    }
}

/// The action of a cause, by whether the node exists after the commit. Other protocols mix writes and deletions in one
/// commit, whose cause is then that of the first of them.
pub(super) fn action_of(cause: Cause, exists: bool) -> &'static str {
    match (cause, exists) {
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
