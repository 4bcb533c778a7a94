//! What is written down while clients run.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::checker::model::{Op, Outcome, Slot};
use crate::gateway::Life;

/// What an index was said of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `X-Etcd-Index`: everything.
    Whole,
    /// `X-Consul-Index` of one key.
    Key(String),
    /// `X-Consul-Index` of all keys with a prefix.
    Prefix(String),
}

/// An index that an answer told.
#[derive(Clone, Debug)]
pub struct Position {
    pub called: u64,
    pub returned: u64,
    pub scope: Scope,
    pub index: u64,
}

/// The index of a change that an answer told.
#[derive(Clone, Debug)]
pub struct Changed {
    pub returned: u64,
    pub path: String,
    pub index: u64,
}

/// What one round was about: objects, and the paths of their entries.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Above all paths, without a slash at the end.
    pub root: String,
    pub objects: Vec<Vec<String>>,
    places: BTreeMap<String, (usize, Slot)>,
}

impl Layout {
    pub fn new(root: String, objects: Vec<Vec<String>>) -> Self {
        let mut places = BTreeMap::new();
        for (object, paths) in objects.iter().enumerate() {
            for (slot, path) in paths.iter().enumerate() {
                places.insert(path.clone(), (object, slot));
            }
        }
        Self {
            root,
            objects,
            places,
        }
    }

    pub fn place(&self, path: &str) -> Option<(usize, Slot)> {
        self.places.get(path).copied()
    }

    /// Every path, in order, that begins so.
    pub fn below(&self, prefix: &str) -> Vec<&String> {
        let paths = self.places.keys();
        paths.filter(|path| path.starts_with(prefix)).collect()
    }
}

/// How many requests ended how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub yes: usize,
    pub no: usize,
    pub unknown: usize,
}

/// The record of one round.
#[derive(Debug, Default)]
pub struct Record {
    ops: Mutex<Vec<(usize, usize, Op)>>,
    indexes: Mutex<Vec<Position>>,
    changed: Mutex<Vec<Changed>>,
    faults: Mutex<Vec<String>>,
    counts: Mutex<Counts>,
}

impl Record {
    /// An operation on an object, asked of one of the gateway's lives.
    pub fn op(&self, object: usize, life: usize, op: Op) {
        self.ops.lock().push((object, life, op));
    }

    pub fn index(&self, index: Position) {
        self.indexes.lock().push(index);
    }

    pub fn changed(&self, changed: Changed) {
        self.changed.lock().push(changed);
    }

    /// Something that is wrong whatever else happened.
    pub fn fault(&self, what: String) {
        self.faults.lock().push(what);
    }

    /// A request of a client, not of a watcher.
    pub fn request(&self, outcome: Outcome) {
        let mut counts = self.counts.lock();
        match outcome {
            Outcome::Yes => counts.yes += 1,
            Outcome::No => counts.no += 1,
            Outcome::Unknown => counts.unknown += 1,
        }
    }

    pub fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    /// Each object's operations. One of unknown outcome can be done until the life that was asked is over.
    pub fn take_ops(&self, life: &Life, objects: usize) -> Vec<Vec<Op>> {
        let mut found = vec![Vec::new(); objects];
        for (object, asked, mut op) in std::mem::take(&mut *self.ops.lock()) {
            if op.outcome == Outcome::Unknown {
                op.returned = life.over(asked);
            }
            found[object].push(op);
        }
        found
    }

    pub fn take_indexes(&self) -> (Vec<Position>, Vec<Changed>) {
        let indexes = std::mem::take(&mut *self.indexes.lock());
        (indexes, std::mem::take(&mut self.changed.lock()))
    }

    pub fn take_faults(&self) -> Vec<String> {
        std::mem::take(&mut self.faults.lock())
    }
}
