//! Object layout: the objects of a round, and the paths of their entries.

use std::collections::BTreeMap;

use crate::checker::model::EntrySlot;

/// The objects of a round. Each is checked for linearizability by itself.
#[derive(Clone, Debug)]
pub struct ObjectLayout {
    /// The directory of all paths, without a slash at the end.
    pub root: String,
    /// The paths of each object's entries.
    pub objects: Vec<Vec<String>>,
    locations: BTreeMap<String, (usize, EntrySlot)>,
}

impl ObjectLayout {
    pub fn new(root: String, objects: Vec<Vec<String>>) -> Self {
        let mut locations = BTreeMap::new();
        for (object, paths) in objects.iter().enumerate() {
            for (slot, path) in paths.iter().enumerate() {
                locations.insert(path.clone(), (object, slot));
            }
        }
        Self {
            root,
            objects,
            locations,
        }
    }

    /// The object and the slot of the entry at a path.
    pub fn locate(&self, path: &str) -> Option<(usize, EntrySlot)> {
        self.locations.get(path).copied()
    }

    /// All paths with a prefix, in order.
    pub fn paths_below(&self, prefix: &str) -> Vec<&String> {
        let paths = self.locations.keys();
        paths.filter(|path| path.starts_with(prefix)).collect()
    }

    /// The objects that have entries with a prefix.
    pub fn objects_below(&self, prefix: &str) -> Vec<usize> {
        let objects = self.objects.iter().enumerate();
        let found = objects.filter(|(_, paths)| paths[0].starts_with(prefix));
        found.map(|(object, _)| object).collect()
    }
}
