//! `WatchTable`: the watches of one connection.
//!
//! They are the connection's and not the session's: they are gone when it breaks, and the client sets them again
//! (`set_watches`). A table says of each change whether its connection gets an event; that takes a look-up for the node, and one for
//! each node above it at whose length there is a recursive watch, however many watches there are.

mod event_kind;
mod modes;
mod set_watches;
mod totals;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(crate) use event_kind::WatchEventKind;
use modes::WatchModes;
pub(crate) use modes::{WatchMode, WatchSelection};
pub(crate) use set_watches::{MissedEvent, NodeZxids, WatchesSetAgain};
use totals::WatchCounts;
pub(crate) use totals::WatchTotals;

/// About the bytes that a path takes besides its text: its place in the table, half of which is empty at worst.
const OVERHEAD_BYTES: usize = 64;

/// About the bytes that hearing of a node takes besides its path, which is kept twice: its places in the subscription and among
/// all that is watched.
const INTEREST_BYTES: usize = 360;

/// The watches of one connection.
#[derive(Debug)]
pub(crate) struct WatchTable {
    /// By path, as the client wrote it: it may watch paths that no node can have.
    modes: HashMap<Box<str>, WatchModes>,
    /// How many paths of each length have a recursive one: a path is looked up at these lengths only.
    recursive: BTreeMap<usize, usize>,
    /// How many paths ZooKeeper's table of data would have.
    of_data: usize,
    counts: WatchCounts,
    totals: Arc<WatchTotals>,
}

impl WatchTable {
    /// Without watches, counted in these totals.
    pub(crate) fn new(totals: Arc<WatchTotals>) -> Self {
        Self {
            modes: HashMap::new(),
            recursive: BTreeMap::new(),
            of_data: 0,
            counts: WatchCounts::default(),
            totals,
        }
    }

    /// Sets a watch; one that is there already stays.
    pub(crate) fn add(&mut self, path: &str, mode: WatchMode) {
        self.change(path, |modes| modes.add(mode));
    }

    /// Whether there is one of these watches at a path.
    pub(crate) fn has(&self, path: &str, selection: WatchSelection) -> bool {
        let modes = self.modes.get(path);
        modes.is_some_and(|modes| modes.has(selection))
    }

    /// Removes these watches at a path; returns whether there was one.
    pub(crate) fn remove(&mut self, path: &str, selection: WatchSelection) -> bool {
        let found = self.has(path, selection);
        if found {
            self.change(path, |modes| modes.remove(selection));
        }
        found
    }

    /// Fires the watches that a change concerns; returns whether the connection is sent the event, whose kind and path are
    /// the change's. The order of changes is that of a commit's operations, and after a node its parent, whose children
    /// changed ([`WatchEventKind::changes_parent`]).
    pub(crate) fn fire(&mut self, kind: WatchEventKind, path: &str) -> bool {
        let mut fires = false;
        if self.modes.contains_key(path) {
            self.change(path, |modes| fires = modes.fire(kind));
        }
        // A recursive watch above has no event for a changed list of children: it has those of the children.
        fires || (kind != WatchEventKind::ChildrenChanged && self.is_recursive_above(path))
    }

    /// Whether there is no watch.
    pub(crate) fn is_empty(&self) -> bool {
        self.modes.is_empty()
    }

    /// How many watches it has, as [`WatchTotals::watches`] counts them.
    #[cfg(test)]
    pub(crate) fn watches(&self) -> usize {
        self.counts.watches
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.counts.bytes
    }

    /// How many paths it watches other than for names of children alone: what the four-letter word `wchs` counts.
    pub(crate) fn paths_of_data(&self) -> usize {
        self.of_data
    }

    /// The paths that are watched, in no order.
    #[cfg(test)]
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.modes.keys().map(|path| &**path)
    }

    fn is_recursive_above(&self, path: &str) -> bool {
        let lengths = self.recursive.range(..path.len());
        let mut above = lengths.filter_map(|(length, _)| above_of_length(path, *length));
        above.any(|path| {
            self.modes
                .get(path)
                .is_some_and(|modes| modes.is_recursive())
        })
    }

    /// Changes the watches at a path, and all counts with them: nothing else does.
    fn change(&mut self, path: &str, change: impl FnOnce(&mut WatchModes)) {
        let before = self.modes.get(path).copied().unwrap_or_default();
        let mut after = before;
        change(&mut after);
        if before == after {
            return;
        }
        let size = |modes: WatchModes| {
            if modes.is_empty() {
                return 0;
            }
            let interest = path.len().saturating_mul(2).saturating_add(INTEREST_BYTES);
            let own = path.len().saturating_add(OVERHEAD_BYTES);
            own.saturating_add(modes.interests().saturating_mul(interest))
        };
        let counts = WatchCounts {
            watches: self.counts.watches.saturating_sub(before.count()) + after.count(),
            bytes: self.counts.bytes.saturating_sub(size(before)) + size(after),
        };
        self.totals.replace(self.counts, counts);
        self.counts = counts;
        if before.is_of_data() != after.is_of_data() {
            let less = self.of_data.saturating_sub(1);
            self.of_data = if after.is_of_data() {
                self.of_data + 1
            } else {
                less
            };
        }
        if before.is_recursive() != after.is_recursive() {
            let paths = self.recursive.entry(path.len()).or_default();
            *paths = if after.is_recursive() {
                *paths + 1
            } else {
                paths.saturating_sub(1)
            };
            if *paths == 0 {
                self.recursive.remove(&path.len());
            }
        }
        if after.is_empty() {
            self.modes.remove(path);
        } else if let Some(modes) = self.modes.get_mut(path) {
            *modes = after;
        } else {
            self.modes.insert(Box::from(path), after);
        }
    }
}

/// The path of a node above another, by its length in bytes; `None` where it is none.
fn above_of_length(path: &str, length: usize) -> Option<&str> {
    let (above, rest) = path.split_at_checked(length)?;
    match above {
        "" => None,
        "/" => Some(above),
        _ => rest.starts_with('/').then_some(above),
    }
}

impl Drop for WatchTable {
    fn drop(&mut self) {
        self.totals.replace(self.counts, WatchCounts::default());
    }
}

#[cfg(test)]
mod tests;
