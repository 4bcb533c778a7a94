//! Scope of a watch: the nodes whose changes the client asked for.

use super::event::is_beneath;
use crate::model::{Key, KeyRange};

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

    /// The keys of the nodes in the scope alone.
    pub(super) fn own_ranges(&self) -> Vec<KeyRange> {
        if self.recursive {
            return self.ranges();
        }
        // A key has a name; the root has none.
        let own = |key: String| KeyRange::Exact(Key::user(key));
        if self.path.is_empty() {
            Vec::new()
        } else {
            vec![own(self.path.clone()), own(format!("{}/", self.path))]
        }
    }
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
                prop_assert!(scope.own_ranges().iter().any(|range| range.contains(&key)));
            }
        }
    }
}
