//! Changes of trees by a draft: directories that are made, kept and deleted, and the rights that this needs.

use std::sync::Arc;

use super::{Node, NotDir, ancestors, dir_prefix, file_above, node};
use crate::model::{DirMark, Entry, Key, KeyRange, Mark, Verb};
use crate::space::draft::{Draft, PENDING, cloned};
use crate::space::lookup::{Lookup, Scan};

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
