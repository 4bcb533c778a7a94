//! Directories of a store that is opened: those of its last checkpoint, and what the commits since did to them.
//!
//! Where there is no checkpoint, the children that are there say how many ever were, with the tallies that deletions left, or,
//! where those are missing, the ordinals of children that have one.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use serde_json::Value;

use super::child_tally::ChildTally;
use super::count::{
    Directory, DirectoryTable, ORDINAL, came, follow, has_own_entry, node_of, parent,
};
use crate::model::{Change, Key, KeyRange};
use crate::space::entry_map::EntryMap;
use crate::store::{DirectoryRecord, StoreContents};

/// Directories by path. Cloning it costs nothing.
pub(crate) type Directories = OrdMap<Arc<str>, Directory>;

/// Entries at some revision, with their directories.
struct CountedEntries {
    entries: EntryMap,
    directories: Directories,
}

/// What the tallies of one node say.
struct NodeTally {
    /// The one that was decided on last.
    tally: ChildTally,
    /// When the last one was written: when a child last went.
    written: u64,
}

impl DirectoryTable for CountedEntries {
    fn has_entry(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    fn directory(&self, path: &str) -> Directory {
        self.directories.get(path).copied().unwrap_or_default()
    }

    fn set_directory(&mut self, path: &str, directory: Directory) {
        self.directories.set(path, directory);
    }

    fn forget_directory(&mut self, path: &str) {
        self.directories.remove(path);
    }
}

/// Setting a directory's counts in place.
pub(crate) trait SetDirectory {
    /// Sets the counts of the node at this path.
    fn set(&mut self, path: &str, directory: Directory);
}

impl SetDirectory for Directories {
    fn set(&mut self, path: &str, directory: Directory) {
        match self.get_mut(path) {
            Some(own) => *own = directory,
            None => {
                self.insert(path.into(), directory);
            }
        }
    }
}

/// The directories of a store's contents, given its entries in order. Without a checkpoint the history is not asked either:
/// it may lack what was overwritten.
pub(crate) fn load(contents: &StoreContents, entries: &EntryMap) -> Directories {
    let checkpoint = contents.directories.as_ref();
    let saved = checkpoint.map_or(u64::MAX, |checkpoint| checkpoint.revision);
    // A store that an older version wrote to has dropped commits that are in no checkpoint.
    let from = saved.max(contents.history_floor);
    let since = contents
        .history
        .partition_point(|commit| commit.revision <= from);
    let since = contents.history.get(since..).unwrap_or_default();
    let mut counted = CountedEntries {
        entries: entries.clone(),
        directories: Directories::new(),
    };
    for change in since.iter().rev().flat_map(|commit| &commit.changes) {
        counted.undo(change);
    }
    let newer = counted.count(saved);
    counted.take_tallies();
    if let Some(checkpoint) = checkpoint {
        for record in &checkpoint.directories {
            if saved == from {
                counted.take(record);
            } else {
                counted.take_over(record, saved, &newer);
            }
        }
    }
    for commit in since {
        follow(&mut counted, commit, CountedEntries::apply);
    }
    counted.directories
}

impl CountedEntries {
    fn apply(&mut self, change: &Change) -> bool {
        match &change.now {
            Some(entry) => {
                let entry = Arc::clone(entry);
                self.entries.insert(change.key.clone(), entry).is_some()
            }
            None => self.entries.remove(&change.key).is_some(),
        }
    }

    fn undo(&mut self, change: &Change) {
        match &change.before {
            Some(entry) => {
                self.entries.insert(change.key.clone(), Arc::clone(entry));
            }
            None => {
                self.entries.remove(&change.key);
            }
        }
    }

    /// Counts the children that are there; says how many children of each node are newer than a revision.
    fn count(&mut self, saved: u64) -> HashMap<String, u64> {
        let (mut newer, mut numbered) = (HashMap::new(), HashMap::new());
        let entries = self.entries.clone();
        // In the order of keys: a node's own entry comes before all beneath it.
        for (key, entry) in entries.shown_range((Bound::Unbounded, Bound::Unbounded)) {
            let Some(node) = node_of(key) else { continue };
            let is_second = key.as_bytes().len() > node.len();
            if is_second && entries.contains_key(&Key::user(node)) {
                continue;
            }
            let created = entry.created();
            if created > saved {
                *newer.entry(parent(node).to_owned()).or_default() += 1;
            }
            came(self, node, created);
            if let Some(ordinal) = entry.attrs().other.get(ORDINAL).and_then(Value::as_u64) {
                let own: &mut u64 = numbered.entry(parent(node).to_owned()).or_default();
                *own = (*own).max(ordinal.saturating_add(1));
            }
        }
        for (path, ever) in numbered {
            let mut directory = self.directory(&path);
            directory.ever = directory.ever.max(ever);
            self.directories.set(&path, directory);
        }
        newer
    }

    /// Takes what deletions left, of nodes that are still those.
    fn take_tallies(&mut self) {
        let tallies = self.tallies();
        if tallies.is_empty() {
            return;
        }
        let births = self.births(&tallies);
        let mut newer: HashMap<&str, u64> = HashMap::new();
        for (path, created) in &births {
            let above = parent(path);
            if tallies
                .get(above)
                .is_some_and(|own| *created > own.tally.at)
            {
                *newer.entry(above).or_default() += 1;
            }
        }
        for (path, NodeTally { tally, written }) in &tallies {
            // The root always was.
            let born = if path.is_empty() {
                Some(0)
            } else {
                births.get(path).copied()
            };
            if born.is_none_or(|born| born > tally.at) {
                continue;
            }
            let newer = newer.get(path.as_str()).copied().unwrap_or(0);
            let mut directory = self.directory(path);
            directory.ever = directory.ever.max(tally.ever.saturating_add(newer));
            directory.changed = directory.changed.max(*written);
            self.directories.set(path, directory);
        }
    }

    /// The last tally of each node.
    fn tallies(&self) -> HashMap<String, NodeTally> {
        let mut tallies: HashMap<String, NodeTally> = HashMap::new();
        let all = KeyRange::Prefix(ChildTally::all()).bounds();
        for (key, entry) in self.entries.range(all) {
            let (Some(path), Some(tally)) = (ChildTally::path(key), ChildTally::read(entry)) else {
                continue;
            };
            let written = entry.index();
            let own = tallies
                .entry(path.to_owned())
                .or_insert(NodeTally { tally, written });
            own.written = own.written.max(written);
            if tally.at > own.tally.at {
                own.tally = tally;
            }
        }
        tallies
    }

    /// When each of these nodes and their children came to be: no later than anything beneath it.
    fn births(&self, of: &HashMap<String, NodeTally>) -> HashMap<String, u64> {
        let mut births: HashMap<String, u64> = HashMap::new();
        // Of many children of one node only those that are older than the ones before tell anything of those above.
        let mut above = (String::new(), u64::MAX);
        for (key, entry) in self
            .entries
            .shown_range((Bound::Unbounded, Bound::Unbounded))
        {
            let (created, node) = (entry.created(), node_of(key).unwrap_or_default());
            let mut path = node;
            while !path.is_empty() {
                if of.contains_key(path) || of.contains_key(parent(path)) {
                    let born = births.entry(path.to_owned()).or_insert(created);
                    *born = created.min(*born);
                }
                path = parent(path);
                if path == above.0 && created >= above.1 {
                    break;
                }
            }
            if parent(node) != above.0 || created < above.1 {
                above = (parent(node).to_owned(), created);
            }
        }
        births
    }

    /// Takes what a checkpoint of this very revision says of a node.
    fn take(&mut self, record: &DirectoryRecord) {
        let directory = Directory {
            children: self.directory(&record.path).children,
            ever: record.ever,
            changed: record.changed,
        };
        self.directories.set(&record.path, directory);
    }

    /// Takes over what an earlier checkpoint says of a node, unless that is another one by now.
    fn take_over(&mut self, record: &DirectoryRecord, saved: u64, newer: &HashMap<String, u64>) {
        let path = record.path.as_ref();
        let mut directory = self.directory(path);
        let is_there = path.is_empty() || directory.children > 0 || has_own_entry(self, path);
        let keys = [Key::user(path), Key::user(format!("{path}/"))];
        let own = keys.iter().find_map(|key| self.entries.get(key));
        if !is_there || own.is_some_and(|entry| entry.created() > saved) {
            return;
        }
        let newer = newer.get(path).copied().unwrap_or(0);
        directory.ever = directory.ever.max(record.ever.saturating_add(newer));
        directory.changed = directory.changed.max(record.changed);
        self.directories.set(path, directory);
    }
}
