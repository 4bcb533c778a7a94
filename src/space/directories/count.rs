//! Counting: how a commit changes the counts of the nodes around its keys.

use crate::model::{Change, Commit, Key, Mark, Realm};

/// The children of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// How many there are.
    pub children: u64,
    /// How many have come to be since the node did, those that are gone too.
    pub ever: u64,
    /// The revision at which one last came or went; 0 where none ever did.
    pub changed: u64,
}

/// The attribute of an entry that is named by its number among the children of its parent. It shows, where nothing else is
/// left that does, how many there must have been.
pub(crate) const ORDINAL: &str = "ordinal";

/// What a commit did to a node and to those above it that are there for its sake alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeEffect {
    /// The place of the change in its commit.
    pub(crate) change: usize,
    /// Whether the node came or went.
    pub(crate) fate: NodeFate,
    /// How many nodes, from the changed one upwards.
    pub(crate) nodes: usize,
}

/// What became of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeFate {
    /// It was not there before.
    Came,
    /// It is not there any more.
    Went,
    /// It was there and stays, and an entry of its own was written or deleted.
    Written,
}

/// Entries with the directories that they make.
pub(crate) trait DirectoryTable {
    /// Whether this key has an entry.
    fn has_entry(&self, key: &Key) -> bool;

    /// The counts of a node.
    fn directory(&self, path: &str) -> Directory;

    /// Sets the counts of a node that had some before, or whose parents are there.
    fn set_directory(&mut self, path: &str, directory: Directory);

    /// Forgets the counts of a node that is gone.
    fn forget_directory(&mut self, path: &str);
}

/// The path of the node that a client's key belongs to.
pub(crate) fn node_of(key: &Key) -> Option<&str> {
    match key.realm() {
        Realm::User => key.node(),
        Realm::System => None,
    }
}

/// The path above a path; the root is the empty path, and above itself.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether a change makes an entry anew where one was: it was deleted and created in one commit.
pub(crate) fn is_made_anew(change: &Change) -> bool {
    let made = change.now.as_ref().map(|now| now.attrs().created);
    change.before.is_some() && made == Some(Mark::ThisWrite)
}

/// Applies a commit to the directories, given a way to apply one change to the entries that says whether the key had an
/// entry before. What comes is applied before what goes, so that nothing is gone in between.
pub(crate) fn follow<T: DirectoryTable>(
    table: &mut T,
    commit: &Commit,
    mut apply: impl FnMut(&mut T, &Change) -> bool,
) -> Vec<NodeEffect> {
    let mut effects = Vec::new();
    let mut deletes = 0;
    for (place, change) in commit.changes.iter().enumerate() {
        if change.now.is_none() {
            deletes += 1;
            continue;
        }
        let existed = apply(table, change);
        if existed && !is_made_anew(change) {
            continue;
        }
        let Some(node) = node_of(&change.key) else {
            continue;
        };
        if existed {
            made_anew(table, node, commit.revision);
            effects.push(NodeEffect::new(place, NodeFate::Went, 1));
            effects.push(NodeEffect::new(place, NodeFate::Came, 1));
        } else if !stays_without(table, &change.key, node) {
            let nodes = came(table, node, commit.revision);
            effects.push(NodeEffect::new(place, NodeFate::Came, nodes));
        }
    }
    if deletes == 0 {
        return effects;
    }
    let mut table = LastDirectory { table, last: None };
    for (place, change) in commit.changes.iter().enumerate() {
        if change.now.is_some() || !apply(&mut *table.table, change) {
            continue;
        }
        let Some(node) = node_of(&change.key) else {
            continue;
        };
        if !stays_without(&table, &change.key, node) {
            let nodes = went(&mut table, node, commit.revision);
            effects.push(NodeEffect::new(place, NodeFate::Went, nodes));
        }
    }
    table.put_last();
    // In the order of the commit.
    effects.sort_by_key(|effect| effect.change);
    effects
}

/// A table with the counts that were set last beside it: of the children of one node, which go one after another, only the last
/// writes them to the table.
struct LastDirectory<'a, T> {
    table: &'a mut T,
    last: Option<(String, Directory)>,
}

impl<T: DirectoryTable> LastDirectory<'_, T> {
    fn put_last(&mut self) {
        if let Some((path, directory)) = self.last.take() {
            self.table.set_directory(&path, directory);
        }
    }
}

impl<T: DirectoryTable> DirectoryTable for LastDirectory<'_, T> {
    fn has_entry(&self, key: &Key) -> bool {
        self.table.has_entry(key)
    }

    fn directory(&self, path: &str) -> Directory {
        match &self.last {
            Some((own, directory)) if own == path => *directory,
            Some(_) | None => self.table.directory(path),
        }
    }

    fn set_directory(&mut self, path: &str, directory: Directory) {
        if let Some((own, kept)) = &mut self.last
            && own == path
        {
            *kept = directory;
            return;
        }
        self.put_last();
        self.last = Some((path.to_owned(), directory));
    }

    fn forget_directory(&mut self, path: &str) {
        if self.last.as_ref().is_some_and(|(own, _)| own == path) {
            self.last = None;
        }
        self.table.forget_directory(path);
    }
}

impl NodeEffect {
    fn new(change: usize, fate: NodeFate, nodes: usize) -> Self {
        Self {
            change,
            fate,
            nodes,
        }
    }
}

/// Whether a node is there without this key of it.
pub(crate) fn stays_without<T: DirectoryTable>(table: &T, key: &Key, node: &str) -> bool {
    table.directory(node).children > 0 || table.has_entry(&other_key(key, node))
}

/// The other key of the same node.
fn other_key(key: &Key, node: &str) -> Key {
    if key.as_bytes().len() > node.len() {
        Key::user(node)
    } else {
        Key::user([node, "/"].concat())
    }
}

/// Whether a node has an entry of its own.
pub(crate) fn has_own_entry<T: DirectoryTable>(table: &T, node: &str) -> bool {
    table.has_entry(&Key::user(node)) || table.has_entry(&Key::user([node, "/"].concat()))
}

/// Counts a node that was not there; says how many nodes came, with those above it that nobody wrote.
pub(crate) fn came<T: DirectoryTable>(table: &mut T, node: &str, revision: u64) -> usize {
    let mut nodes = 1;
    let mut path = node;
    loop {
        let above = parent(path);
        let mut directory = table.directory(above);
        let was_there = above.is_empty() || directory.children > 0 || has_own_entry(table, above);
        directory.children += 1;
        directory.ever += 1;
        directory.changed = directory.changed.max(revision);
        table.set_directory(above, directory);
        if was_there {
            return nodes;
        }
        nodes += 1;
        path = above;
    }
}

/// Takes out a node that is gone; says how many nodes are, with those above it that nobody wrote.
pub(crate) fn went<T: DirectoryTable>(table: &mut T, node: &str, revision: u64) -> usize {
    take_out(table, node, |directory| directory.changed = revision)
}

/// As [`went`], of a node that [`came`] in the change that is undone.
pub(crate) fn never_came<T: DirectoryTable>(table: &mut T, node: &str) -> usize {
    take_out(table, node, |directory| {
        directory.ever = directory.ever.saturating_sub(1);
    })
}

fn take_out<T: DirectoryTable>(
    table: &mut T,
    node: &str,
    mut note: impl FnMut(&mut Directory),
) -> usize {
    let mut nodes = 1;
    let mut path = node;
    loop {
        table.forget_directory(path);
        let above = parent(path);
        let mut directory = table.directory(above);
        directory.children = directory.children.saturating_sub(1);
        note(&mut directory);
        if above.is_empty() || directory.children > 0 || has_own_entry(table, above) {
            table.set_directory(above, directory);
            return nodes;
        }
        nodes += 1;
        path = above;
    }
}

/// Counts a node that was deleted and created in one commit.
pub(crate) fn made_anew<T: DirectoryTable>(table: &mut T, node: &str, revision: u64) {
    let above = parent(node);
    let mut directory = table.directory(above);
    directory.ever += 1;
    directory.changed = revision;
    table.set_directory(above, directory);
    if table.directory(node).children == 0 {
        table.forget_directory(node);
    }
}
