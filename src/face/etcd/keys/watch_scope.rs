//! Scope of a watch: the nodes whose changes the client asked for.

use super::event::{self, NodeEvent, is_beneath};
use crate::model::{Cause, Change, Commit, Key, KeyRange, Realm};
use crate::space::tree::{self, Node};
use crate::space::{Lookup, View};

/// A node, or a node with all beneath it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WatchScope {
    /// The node, without slashes at its ends.
    pub(super) path: String,
    /// Whether the scope includes all beneath it.
    pub(super) recursive: bool,
}

impl WatchScope {
    /// The keys whose changes may be in the scope. Keys beneath the node are always among them: the deletion of an
    /// implied directory, which has no entry, shows there alone.
    pub(super) fn ranges(&self) -> Vec<KeyRange> {
        if self.path.is_empty() {
            return vec![KeyRange::Prefix(Key::user(""))];
        }
        vec![
            KeyRange::Exact(Key::user(&self.path)),
            KeyRange::Prefix(Key::user(format!("{}/", self.path))),
        ]
    }

    /// Whether the node at `path` is in the scope. Hidden nodes (named `_x`, or in a directory so named) are in the
    /// scope of those watches alone that begin at one.
    pub(super) fn covers(&self, path: &str) -> bool {
        if path == self.path {
            return true;
        }
        if !self.recursive || !is_beneath(path, &self.path) {
            return false;
        }
        let rest = path.get(self.path.len()..).unwrap_or_default();
        !rest.split('/').any(|name| name.starts_with('_'))
    }

    /// The events of a commit in the scope; each has the index of the commit, which holds only changes that the client may
    /// see. `view` shows what the client may see, at the commit or after it.
    pub(super) fn events(&self, commit: &Commit, view: &View) -> Vec<NodeEvent> {
        if commit.cause == Cause::Refresh {
            return Vec::new();
        }
        if let Some(path) = commit.subject.as_ref().and_then(Key::node) {
            let in_scope = self.covers(path) || self.deleted_with(commit, path);
            let is_of_clients = |change: &Change| change.key.realm() == Realm::User;
            if !in_scope || !commit.changes.iter().any(is_of_clients) {
                return Vec::new();
            }
            let action = event::action_of(commit.cause, exists_after(commit, path));
            return event::of_node(commit, path, action).into_iter().collect();
        }
        commit
            .changes
            .iter()
            .filter(|change| change.key.realm() == Realm::User)
            .filter(|change| change.key.node().is_some_and(|path| self.covers(path)))
            .filter(|change| shows(view, change))
            .filter_map(|change| event::of_change(commit, change))
            .collect()
    }

    /// Whether the watched node was deleted with a directory above it: the watch gets the event, although it is the
    /// directory's.
    fn deleted_with(&self, commit: &Commit, directory: &str) -> bool {
        is_beneath(&self.path, directory)
            && commit.changes.iter().any(|change| {
                change.now.is_none()
                    && change
                        .key
                        .node()
                        .is_some_and(|path| path == self.path || is_beneath(path, &self.path))
            })
    }
}

/// Whether the node at the path exists after the commit.
fn exists_after(commit: &Commit, path: &str) -> bool {
    commit
        .changes
        .iter()
        .any(|change| change.now.is_some() && change.key.node() == Some(path))
}

/// Whether a change of a key by another protocol shows in the tree. It does not where another node hides it: a
/// directory with entries beneath hides the value `a`, and the value `a` hides `a/`; nor does a directory vanish with
/// its own entry while entries are beneath it.
fn shows(view: &View, change: &Change) -> bool {
    let Some(path) = change.key.node() else {
        return false;
    };
    let slashed = change.key.as_bytes().ends_with(b"/");
    let hidden = slashed && view.get(&Key::user(path)).is_some();
    let filled = || match tree::node(view, path) {
        Node::Dir { .. } => !tree::is_empty(view, path),
        Node::Absent | Node::File { .. } => false,
    };
    !hidden && !filled()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(path: &str, recursive: bool) -> WatchScope {
        WatchScope {
            path: path.to_owned(),
            recursive,
        }
    }

    #[test]
    fn recursive_watch_covers_nodes_beneath_but_not_hidden_ones() {
        let tree = scope("a", true);
        assert!(tree.covers("a") && tree.covers("a/b") && tree.covers("a/b/c"));
        assert!(!tree.covers("ab") && !tree.covers("a/_b") && !tree.covers("a/_b/c"));
        assert!(scope("a/_b", true).covers("a/_b/c"));
        assert!(scope("", true).covers("a/b"));
        assert!(!scope("", true).covers("_a"));
        assert!(!scope("a", false).covers("a/b"));
    }

    proptest! {
        #[test]
        fn ranges_contain_every_covered_key(at in "[a_/]{0,5}", path in "[a_/]{1,7}", recursive: bool) {
            let scope = scope(at.trim_matches('/'), recursive);
            let key = Key::user(&path);
            if let Some(node) = key.node() && scope.covers(node) {
                prop_assert!(scope.ranges().iter().any(|range| range.contains(&key)));
            }
        }
    }
}
