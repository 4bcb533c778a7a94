//! Lost children of a draft: what it writes of nodes whose children it deletes, on a store that keeps no checkpoints of counts.

use std::collections::BTreeSet;

use super::{Draft, Written};
use crate::model::{Key, KeyRange, Mark};
use crate::space::directories::{ChildTally, node_of, parent};
use crate::space::tree;

impl Draft<'_> {
    /// Writes a tally of each node that loses a child, so that its children that ever were are known after a take-over. A node
    /// that goes loses its own.
    ///
    /// Few ask for counts. So what is deleted as a key, not as a node of which the parent stays, is tallied only beneath nodes
    /// that have an entry without a trailing slash, or a tally already.
    pub(crate) fn tally_lost_children(&mut self) {
        let loses = |(key, own): &(&Key, &Written)| own.existed && !own.stays() && is_node(key);
        let lost: Vec<Key> = self.written.iter().filter(loses).map(first).collect();
        let mut done = BTreeSet::new();
        for key in &lost {
            let Some(node) = node_of(key) else { continue };
            let is_made_anew = self.shows(key);
            if !is_made_anew && self.shows_node(node) {
                continue;
            }
            if !is_made_anew {
                self.drop_tallies(node);
            }
            self.tally_above(key, node, &mut done);
        }
    }

    /// Goes up as long as a node comes and goes with its children: then those above may lose it, too, and it may seem younger
    /// than it is.
    fn tally_above(&mut self, child: &Key, node: &str, done: &mut BTreeSet<String>) {
        let mut path = node;
        while !path.is_empty() {
            path = parent(path);
            if !done.insert(path.to_owned()) {
                return;
            }
            let is_own =
                path.is_empty() || self.shows(&Key::user(path)) || self.shows_slashed(path);
            if !is_own && !self.shows_node(path) {
                self.drop_tallies(path);
                continue;
            }
            let is_tallied =
                self.keeps_parents || self.shows(&Key::user(path)) || self.has_tallies(path);
            if is_tallied {
                self.write_tally(path, child);
            }
            if is_own || !is_tallied {
                return;
            }
        }
    }

    fn write_tally(&mut self, path: &str, child: &Key) {
        let key = ChildTally::key(path, child);
        let tally = ChildTally {
            ever: self.base.directory(path).ever,
            at: self.base.revision(),
        };
        let mut record = self.continued(&key);
        record.value = tally.value();
        self.write(&key, Some(record));
    }

    fn drop_tallies(&mut self, path: &str) {
        let tallies = KeyRange::Prefix(ChildTally::prefix(path)).bounds();
        let keys: Vec<Key> = self.base.range(tallies).map(first).collect();
        for key in keys {
            self.write(&key, None);
        }
    }

    fn has_tallies(&self, path: &str) -> bool {
        let tallies = KeyRange::Prefix(ChildTally::prefix(path)).bounds();
        self.base.range(tallies).next().is_some()
    }

    /// Whether there is an entry once this is committed. It is no read: nothing is decided on it.
    fn shows(&self, key: &Key) -> bool {
        match self.written.get(key) {
            Some(own) => own.shown.is_some(),
            None => self.base.get(key).is_some(),
        }
    }

    fn shows_slashed(&self, path: &str) -> bool {
        self.shows(&Key::user(format!("{path}/")))
    }

    /// Whether there is a node once this is committed.
    fn shows_node(&self, path: &str) -> bool {
        if self.shows(&Key::user(path)) || self.shows_slashed(path) {
            return true;
        }
        let beneath = KeyRange::Prefix(Key::user(format!("{path}/"))).bounds();
        let mut own = self.written.range(beneath);
        own.any(|(key, own)| own.shown.is_some() && is_node(key))
            || self.base.directory(path).children > 0 && !tree::is_empty(self, path)
    }
}

impl Written {
    /// Whether the entry that was there before is the one that is there after.
    fn stays(&self) -> bool {
        let created = self.shown.as_ref().map(|shown| shown.attrs().created);
        matches!(created, Some(Mark::At(_)))
    }
}

fn is_node(key: &Key) -> bool {
    node_of(key).is_some()
}

fn first<T>((key, _): (&Key, T)) -> Key {
    key.clone()
}
