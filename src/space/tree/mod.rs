//! Trees: directories over flat keys, as etcd v2 and ZooKeeper see them.
//!
//! A node is a path without slashes at its ends; the root is the empty path. The key `a` is the node `a`; so is `a/`
//! where there is no `a`. A node with anything beneath it is a directory and hides its value. A directory need not
//! have an entry of its own. Keys with empty segments or bytes that are not UTF-8 are in no tree.

mod changes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lookup::{Lookup, Scan};
use crate::model::{DirMark, Entry, Key};

/// What stands at a path.
#[derive(Clone, Debug)]
pub enum Node {
    /// Nothing.
    Absent,
    /// A value.
    File {
        /// The key it is stored under: the path, or the path and a slash.
        key: Key,
        /// The entry.
        entry: Arc<Entry>,
    },
    /// A directory.
    Dir {
        /// Its own entry, where it has one.
        mark: Option<(Key, Arc<Entry>)>,
        /// The first entry beneath it in key order, whose age stands for that of a directory without an entry. Not
        /// always looked up where the directory has one; no decision may rest on what it holds (see
        /// [`Lookup::first_node`]).
        first: Option<Arc<Entry>>,
    },
}

impl Node {
    /// The entry that stands for the node: a file's, or a directory's own, or the first beneath it.
    pub fn entry(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Absent => None,
            Self::File { entry, .. } => Some(entry),
            Self::Dir { mark, first } => mark.as_ref().map(|(_, entry)| entry).or(first.as_ref()),
        }
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        matches!(self, Self::Dir { .. })
    }
}

/// A directory with all beneath it.
#[derive(Clone, Debug)]
pub struct Tree {
    /// What stands here.
    pub node: Node,
    /// By name, in byte order.
    pub children: BTreeMap<String, Tree>,
}

/// A value stands where a directory is needed: its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDir(pub String);

/// What stands at `path`.
pub fn node(space: &impl Lookup, path: &str) -> Node {
    if path.is_empty() {
        let mut nodes = space.nodes(&Key::user(""));
        let first = nodes.next().map(|(_, entry)| Arc::clone(entry));
        return Node::Dir { mark: None, first };
    }
    let slashed = Key::user(format!("{path}/"));
    let own = |key: &Key| space.get(key).map(|entry| (key.clone(), Arc::clone(entry)));
    let (plain, mark) = (own(&Key::user(path)), own(&slashed));
    // Looking beneath makes a decision depend on all that is there. It is left out where the node is a directory anyway,
    // so that writes under one directory do not wait for each other.
    let is_marked = plain.is_none() && mark.as_ref().is_some_and(marks_dir);
    let beneath = if is_marked {
        None
    } else {
        space
            .first_node(&slashed, &Key::user(format!("{path}/\0")))
            .map(|(_, entry)| Arc::clone(entry))
    };
    stand(plain, mark, beneath)
}

/// What stands at a node, from its two keys and the first entry beneath it.
pub fn stand(
    plain: Option<(Key, Arc<Entry>)>,
    slashed: Option<(Key, Arc<Entry>)>,
    beneath: Option<Arc<Entry>>,
) -> Node {
    if beneath.is_some() {
        return Node::Dir {
            mark: slashed.or(plain),
            first: beneath,
        };
    }
    match plain.or(slashed) {
        None => Node::Absent,
        Some(own) if marks_dir(&own) => Node::Dir {
            mark: Some(own),
            first: None,
        },
        Some((key, entry)) => Node::File { key, entry },
    }
}

/// Whether an entry by itself makes its node a directory: one made as such, or Consul's way to make one, a key with a
/// trailing slash and no value.
fn marks_dir((key, entry): &(Key, Arc<Entry>)) -> bool {
    entry.attrs().dir != DirMark::No || (key.as_bytes().ends_with(b"/") && entry.value().is_empty())
}

/// Whether a value stands at `path`.
fn is_file(space: &impl Lookup, path: &str) -> bool {
    let value = |key: Key| {
        space
            .get(&key)
            .is_some_and(|entry| !marks_dir(&(key, Arc::clone(entry))))
    };
    // Where neither key has a value, whatever is beneath need not be looked at.
    (value(Key::user(path)) || value(Key::user(format!("{path}/"))))
        && matches!(node(space, path), Node::File { .. })
}

/// Whether there is nothing beneath `path` that a tree can show.
pub fn is_empty(space: &impl Lookup, path: &str) -> bool {
    let prefix = dir_prefix(path);
    !space.nodes(&prefix).any(|(key, _)| *key != prefix)
}

/// What stands at a path on the way to another, of which nothing is asked itself: what is hidden there is looked past.
pub fn node_on_the_way(space: &impl Lookup, path: &str) -> Node {
    node(&OnTheWay(space), path)
}

/// Looks past hidden keys.
struct OnTheWay<'a, L>(&'a L);

impl<L: Lookup> Lookup for OnTheWay<'_, L> {
    fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.0.glance(key)
    }

    fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        self.0.scan_from(prefix, from)
    }

    fn nodes_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        self.0.nodes_from(prefix, from)
    }

    fn first_node(&self, prefix: &Key, from: &Key) -> Option<(&Key, &Arc<Entry>)> {
        self.0.first_node(prefix, from)
    }
}

/// What stands directly beneath `path`, by name. Costs as much as there are children, however deep they go.
pub fn children(space: &impl Lookup, path: &str) -> BTreeMap<String, Node> {
    let names = child_names(space, path).into_iter();
    let with_node = |name: String| {
        let node = node(space, &join(path, &name));
        (name, node)
    };
    names.map(with_node).collect()
}

/// The names of what stands directly beneath `path`. Costs as much as there are children, however deep they go.
pub fn child_names(space: &impl Lookup, path: &str) -> BTreeSet<String> {
    let prefix = dir_prefix(path);
    let mut names = BTreeSet::new();
    let mut from = prefix.clone();
    while let Some((name, deep)) = next_child(space, &prefix, &from) {
        let child = join(path, &name);
        // Keys like `a/b-c` lie between `a/b` and `a/b/d`: a deep child is left by its end, a shallow one by itself.
        from = if deep {
            match Key::user(format!("{child}/")).prefix_end() {
                Some(end) => end,
                None => break,
            }
        } else {
            Key::user(format!("{child}\0"))
        };
        names.insert(name);
    }
    names
}

/// The name of the first child at or after `from`, and whether the key found goes deeper than the child.
fn next_child(space: &impl Lookup, prefix: &Key, from: &Key) -> Option<(String, bool)> {
    space.nodes_from(prefix, from).find_map(|(key, _)| {
        let node = key.node()?;
        let rest = node.get(prefix.as_bytes().len()..)?;
        let (name, deep) = match rest.split_once('/') {
            Some((name, _)) => (name, true),
            None => (rest, key.as_bytes().ends_with(b"/")),
        };
        (!name.is_empty()).then(|| (name.to_owned(), deep))
    })
}

/// The node at `path` with all beneath it, in one pass.
pub fn tree(space: &impl Lookup, path: &str) -> Tree {
    let prefix = dir_prefix(path);
    let mut root = TreeBuilder::default();
    for (key, entry) in space.nodes(&prefix) {
        let Some(rest) = key
            .node()
            .and_then(|node| node.get(prefix.as_bytes().len()..))
        else {
            continue;
        };
        let mut at = &mut root;
        for name in rest.split('/') {
            at.first.get_or_insert_with(|| Arc::clone(entry));
            at = at.children.entry(name.to_owned()).or_default();
        }
        let own = Some((key.clone(), Arc::clone(entry)));
        if key.as_bytes().ends_with(b"/") {
            at.slashed = own;
        } else {
            at.plain = own;
        }
    }
    let mut tree = root.build();
    tree.node = node(space, path);
    tree
}

#[derive(Default)]
struct TreeBuilder {
    plain: Option<(Key, Arc<Entry>)>,
    slashed: Option<(Key, Arc<Entry>)>,
    first: Option<Arc<Entry>>,
    children: BTreeMap<String, TreeBuilder>,
}

impl TreeBuilder {
    fn build(self) -> Tree {
        let children = self
            .children
            .into_iter()
            .map(|(name, child)| (name, child.build()))
            .collect();
        Tree {
            node: stand(self.plain, self.slashed, self.first),
            children,
        }
    }
}

/// What the keys of everything beneath a path begin with.
pub(super) fn dir_prefix(path: &str) -> Key {
    if path.is_empty() {
        Key::user("")
    } else {
        Key::user(format!("{path}/"))
    }
}

/// The path of the child `name` of `path`.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}

/// The paths above `path`, from the top, without the root and without itself.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

/// The first path above `path` where a value stands instead of a directory, if any.
pub fn file_above(space: &impl Lookup, path: &str) -> Option<NotDir> {
    ancestors(path)
        .find(|above| is_file(&OnTheWay(space), above))
        .map(|above| NotDir(above.to_owned()))
}

#[cfg(test)]
mod tests;
