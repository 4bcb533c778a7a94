//! Trees: directories over flat keys, as etcd v2 and ZooKeeper see them.
//!
//! A node is a path without slashes at its ends; the root is the empty path. The key `a` is the node `a`; so is `a/`
//! where there is no `a`. A node with anything beneath it is a directory and hides its value. A directory need not
//! have an entry of its own. Keys with empty segments or bytes that are not UTF-8 are in no tree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::{Draft, PENDING, cloned};
use super::lookup::{Lookup, Scan};
use crate::model::{DirMark, Entry, Key, KeyRange, Mark, Verb};

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

impl Draft<'_> {
    /// Makes the directories above `path` that are missing; watchers of trees see no event for them.
    ///
    /// They follow from the write beneath them, so they are made where the caller may not see, too. A value that is hidden
    /// there is no obstacle, because an obstacle would show that it is there: what is written beneath hides it from trees,
    /// as it does when a client of Consul writes there.
    pub fn make_parents(&mut self, path: &str) -> Result<(), NotDir> {
        if let Some(file) = file_above(self, path) {
            return Err(file);
        }
        for above in ancestors(path) {
            let key = Key::user(format!("{above}/"));
            // Where the caller can see what stands there, what it cannot see beneath must make no difference: with what
            // was made here the directory stays, without it the directory goes with the last thing in it.
            let there = if self.sees(&key) && self.sees(&Key::user(above)) {
                node(self, above)
            } else {
                node(&Everything(self), above)
            };
            if matches!(there, Node::Absent) {
                let mut record = self.continued(&key);
                record.attrs.dir = DirMark::Implied;
                self.write(&key, Some(record));
            }
        }
        Ok(())
    }

    /// Makes an entry of the node above `path`, where nobody wrote it and it would go with the node at `path`: to be called
    /// before that is deleted. It stays as old as it was. Says whether the node above has an entry now, or is the root.
    pub fn keep_parent_of(&mut self, path: &str) -> bool {
        self.keeps_parents();
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        if above.is_empty() || self.is_written(above) {
            return true;
        }
        if self.directory(above).children > 1 {
            return false;
        }
        let node = node(&Everything(self), above);
        let first = node.entry().filter(|first| first.index() != PENDING);
        let age = first.map(|first| (first.created(), first.attrs().ctime_ms));
        let key = Key::user(above);
        let mut record = self.continued(&key);
        record.attrs.dir = DirMark::Made;
        if let Some((created, ctime_ms)) = age {
            record.attrs.created = Mark::At(created);
            record.attrs.placed = Mark::At(created);
            record.attrs.ctime_ms = ctime_ms;
        }
        self.write(&key, Some(record));
        true
    }

    /// Whether a node has an entry of its own.
    fn is_written(&self, path: &str) -> bool {
        let there = |key: Key| self.peek(&key).is_some();
        there(Key::user(path)) || there(Key::user(format!("{path}/")))
    }

    /// Forbids the change unless the caller may see the node at `path` and everything that could be beneath it.
    pub fn asks_for_tree(&self, path: &str) {
        self.asks_of_tree(Verb::Read, path);
    }

    /// Forbids the change unless the caller may see and delete the node at `path` and everything that could be beneath it.
    pub fn asks_to_end_tree(&self, path: &str) {
        self.asks_of_tree(Verb::Read, path);
        self.asks_of_tree(Verb::Delete, path);
    }

    fn asks_of_tree(&self, verb: Verb, path: &str) {
        self.asks_of_all(verb, &KeyRange::Prefix(dir_prefix(path)));
        if !path.is_empty() {
            self.asks(verb, &Key::user(path));
        }
    }

    /// Deletes the value at `path`, under both of its spellings.
    pub fn delete_file(&mut self, path: &str) {
        self.delete(&Key::user(format!("{path}/")));
        self.delete(&Key::user(path));
    }

    /// Deletes the first `most` of the entries beneath the directory `path` that a tree can show, if there are more than that;
    /// says whether it did.
    pub(crate) fn delete_part(&mut self, path: &str, most: usize) -> bool {
        let prefix = dir_prefix(path);
        let keys: Vec<Key> = self
            .nodes(&prefix)
            .map(|(key, _)| key)
            .filter(|key| **key != prefix)
            .take(most.saturating_add(1))
            .cloned()
            .collect();
        if keys.len() <= most {
            return false;
        }
        for key in keys.iter().take(most) {
            self.delete(key);
        }
        true
    }

    /// Deletes the node at `path` and all beneath it that a tree can show; says how many entries that were.
    pub fn delete_tree(&mut self, path: &str) -> usize {
        self.asks_to_end_tree(path);
        let prefix = dir_prefix(path);
        let found = self.all_nodes(&prefix, &prefix);
        let found = cloned(found.take(self.writes_left()));
        let beneath = found.len();
        self.remove_found(found);
        let has_own = !path.is_empty() && self.remove(&Key::user(path));
        beneath + usize::from(has_own)
    }
}

/// A draft as the gateway sees it: nothing is hidden.
struct Everything<'d, 'a>(&'d Draft<'a>);

impl Lookup for Everything<'_, '_> {
    fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.0.peek(key)
    }

    fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        self.0.scan_everything(prefix, from)
    }

    fn nodes_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        self.0.all_nodes(prefix, from)
    }

    fn first_node(&self, prefix: &Key, from: &Key) -> Option<(&Key, &Arc<Entry>)> {
        self.0.first_of_all_nodes(prefix, from)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::model::{Cause, Change, Commit, Record, Revision};
    use crate::space::snapshot::Snapshot;
    use crate::space::view::View;
    use crate::space::visibility::Visibility;

    fn view(keys: impl Iterator<Item = Key>) -> View {
        let change = |key| Change {
            key,
            now: Some(Arc::new(Entry {
                record: Record::default(),
                modified: Revision::new(1, 0),
            })),
            before: None,
        };
        let mut snapshot = Snapshot::default();
        snapshot.apply(&Commit {
            revision: 1,
            cause: Cause::Set,
            subject: None,
            changes: keys.map(change).collect(),
        });
        View::new(Arc::new(snapshot), Visibility::All)
    }

    /// Counts the entries that scans go over.
    struct Counting {
        view: View,
        scanned: Cell<usize>,
    }

    impl Counting {
        fn counted<'a>(&'a self, scan: Scan<'a>) -> Scan<'a> {
            Box::new(scan.inspect(|_| self.scanned.set(self.scanned.get() + 1)))
        }
    }

    impl Lookup for Counting {
        fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
            self.view.get(key)
        }

        fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
            self.counted(self.view.scan_from(prefix, from))
        }

        fn nodes_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
            self.counted(self.view.nodes_from(prefix, from))
        }

        fn first_node(&self, prefix: &Key, from: &Key) -> Option<(&Key, &Arc<Entry>)> {
            self.nodes_from(prefix, from).next()
        }
    }

    #[test]
    fn look_ups_go_over_nothing_that_no_tree_shows() {
        let unshown = (0..10_000).flat_map(|number| {
            [
                format!("/{number}").into_bytes(),
                format!("d//{number}").into_bytes(),
                format!("d/{number}//x").into_bytes(),
                [format!("d/{number}").as_bytes(), b"\xff"].concat(),
            ]
        });
        let shown = ["d/z/1", "d/z/2", "e/"].into_iter().map(Key::user);
        let space = Counting {
            view: view(unshown.map(Key::user).chain(shown)),
            scanned: Cell::new(0),
        };
        type LookUp = fn(&Counting) -> bool;
        let look_ups: [(&str, usize, LookUp); 8] = [
            ("the root", 1, |space| node(space, "").entry().is_some()),
            ("a directory", 1, |space| node(space, "d").is_dir()),
            ("a directory of nothing", 0, |space| {
                matches!(node(space, "d/7"), Node::Absent)
            }),
            ("whether it is empty", 1, |space| !is_empty(space, "d")),
            ("whether one of nothing is", 0, |space| {
                is_empty(space, "d/7")
            }),
            // One for the name, and one for what stands there.
            ("its children", 2, |space| children(space, "d").len() == 1),
            ("all beneath it", 3, |space| {
                tree(space, "d").children["z"].children.len() == 2
            }),
            ("a value above", 2, |space| {
                file_above(space, "d/z/1/x") == Some(NotDir("d/z/1".to_owned()))
            }),
        ];
        for (what, most, look_up) in look_ups {
            space.scanned.set(0);
            assert!(look_up(&space), "{what}");
            assert!(space.scanned.get() <= most, "{what}: {:?}", space.scanned);
        }
    }
}
