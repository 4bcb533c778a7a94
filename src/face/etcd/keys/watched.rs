//! What a watcher asked to be told of.

use super::event::{self, Event, is_beneath};
use crate::model::{Cause, Change, Commit, Key, KeyRange, Realm};
use crate::space::tree::{self, Node};
use crate::space::{Lookup, View};

/// A node that is watched, or a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watched {
    /// The node, without slashes at its ends.
    pub(super) path: String,
    /// Whether all beneath it is watched too.
    pub(super) recursive: bool,
}

impl Watched {
    /// The keys whose changes may concern the watcher. What is beneath is always among them: a directory that goes,
    /// and that nobody made an entry of, is only seen by that.
    pub(super) fn ranges(&self) -> Vec<KeyRange> {
        if self.path.is_empty() {
            return vec![KeyRange::Prefix(Key::user(""))];
        }
        vec![
            KeyRange::Exact(Key::user(&self.path)),
            KeyRange::Prefix(Key::user(format!("{}/", self.path))),
        ]
    }

    /// Whether a change of the node at `path` is one the watcher asked for. Hidden nodes (named `_x`, or in a
    /// directory so named) are shown to those alone who watch there.
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

    /// The events of a commit that the watcher is told. All have the index of the commit, which holds what the client may
    /// see alone. `view` shows what it may see, too, and stands at the commit or after it.
    pub(super) fn events(&self, commit: &Commit, view: &View) -> Vec<Event> {
        if commit.cause == Cause::Refresh {
            return Vec::new();
        }
        if let Some(path) = commit.subject.as_ref().and_then(Key::node) {
            let told = self.covers(path) || self.went_with(commit, path);
            if !told
                || commit
                    .changes
                    .iter()
                    .all(|change| change.key.realm() != Realm::User)
            {
                return Vec::new();
            }
            let action = event::action_of(commit.cause, is_there(commit, path));
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

    /// Whether what is watched went with a directory above it: its watchers are told, although the event is the
    /// directory's.
    fn went_with(&self, commit: &Commit, directory: &str) -> bool {
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

/// Whether a commit left something at the node it acted on.
fn is_there(commit: &Commit, path: &str) -> bool {
    commit
        .changes
        .iter()
        .any(|change| change.now.is_some() && change.key.node() == Some(path))
}

/// Whether a key that another protocol changed is one a tree shows. A value is hidden by what is beneath it, `a/` by
/// `a`, and a directory does not go with its entry while something is in it.
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

    fn watched(path: &str, recursive: bool) -> Watched {
        Watched {
            path: path.to_owned(),
            recursive,
        }
    }

    #[test]
    fn a_tree_covers_what_is_beneath_but_not_what_is_hidden() {
        let tree = watched("a", true);
        assert!(tree.covers("a") && tree.covers("a/b") && tree.covers("a/b/c"));
        assert!(!tree.covers("ab") && !tree.covers("a/_b") && !tree.covers("a/_b/c"));
        assert!(watched("a/_b", true).covers("a/_b/c"));
        assert!(watched("", true).covers("a/b"));
        assert!(!watched("", true).covers("_a"));
        assert!(!watched("a", false).covers("a/b"));
    }

    proptest! {
        #[test]
        fn whatever_is_covered_is_in_the_ranges(at in "[a_/]{0,5}", path in "[a_/]{1,7}", recursive: bool) {
            let watched = watched(at.trim_matches('/'), recursive);
            let key = Key::user(&path);
            if let Some(node) = key.node() && watched.covers(node) {
                prop_assert!(watched.ranges().iter().any(|range| range.contains(&key)));
            }
        }
    }
}
