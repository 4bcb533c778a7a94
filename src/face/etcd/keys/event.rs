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

impl NodeEvent {
    /// How long its values are, in bytes.
    pub(super) fn value_len(&self) -> usize {
        let prev = self.prev.as_ref().map_or(0, EventNode::value_len);
        self.node.value_len() + prev
    }
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
    let now = own_changes(commit, path).find_map(|change| change.now.as_ref());
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

/// The changes of the node itself. Of a deletion of many keys the others are passed over by the length of their keys,
/// without a look at them.
fn own_changes<'a>(commit: &'a Commit, path: &'a str) -> impl Iterator<Item = &'a Change> {
    commit.changes.iter().filter(move |change| {
        let key = change.key.as_bytes();
        (key.len() == path.len() || key.len() == path.len() + 1) && change.key.node() == Some(path)
    })
}

/// Whether the node at the path exists after the commit.
pub(super) fn exists_after(commit: &Commit, path: &str) -> bool {
    own_changes(commit, path).any(|change| change.now.is_some())
}

/// The node that was at the path, as far as the commit changed it.
fn before(commit: &Commit, path: &str) -> Node {
    let (mut plain, mut slashed) = (None, None);
    for change in own_changes(commit, path) {
        let own = change.before.as_ref();
        let own = own.map(|entry| (change.key.clone(), Arc::clone(entry)));
        if change.key.as_bytes().ends_with(b"/") {
            slashed = own.or(slashed);
        } else {
            plain = own.or(plain);
        }
    }
    let beneath = commit.changes.iter().find_map(|change| {
        let entry = change.before.as_ref()?;
        let node = change.key.node()?;
        is_beneath(node, path).then(|| Arc::clone(entry))
    });
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

/// Whether a change of one key by another protocol is an event: directories are made without one.
pub(super) fn is_event(change: &Change) -> bool {
    let is_implied = |entry: &Arc<Entry>| entry.attrs().dir == DirMark::Implied;
    match &change.now {
        Some(now) => !is_implied(now),
        None => change.before.is_some(),
    }
}

/// The event of a change of one key by another protocol.
pub(super) fn of_change(commit: &Commit, change: &Change) -> Option<NodeEvent> {
    let path = change.key.node()?;
    if !is_event(change) {
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
