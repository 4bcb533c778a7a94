//! Who is concerned by a change: things kept by the ranges of keys they care for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Commit, Key, KeyRange};

/// Things, by the ranges they care for.
///
/// Finding those that a commit concerns costs a look-up per key and per length of prefix that anything cares for,
/// whatever their number.
#[derive(Debug)]
pub(crate) struct Registry<T> {
    exact: BTreeMap<(Key, u64), Arc<T>>,
    prefix: BTreeMap<(Key, u64), Arc<T>>,
    /// How many care for a prefix of each length.
    lengths: BTreeMap<usize, usize>,
    count: usize,
    last_id: u64,
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self {
            exact: BTreeMap::new(),
            prefix: BTreeMap::new(),
            lengths: BTreeMap::new(),
            count: 0,
            last_id: 0,
        }
    }
}

impl<T> Registry<T> {
    /// Adds a thing; the number given back takes it away again.
    pub(crate) fn add(&mut self, ranges: &[KeyRange], thing: &Arc<T>) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        for range in ranges {
            match range {
                KeyRange::Exact(key) => {
                    self.exact.insert((key.clone(), id), Arc::clone(thing));
                }
                KeyRange::Prefix(prefix) => {
                    let place = (prefix.clone(), id);
                    if self.prefix.insert(place, Arc::clone(thing)).is_none() {
                        *self.lengths.entry(prefix.as_bytes().len()).or_default() += 1;
                    }
                }
            }
        }
        self.count += 1;
        id
    }

    /// Takes a thing away, given the ranges it was added with.
    pub(crate) fn remove(&mut self, id: u64, ranges: &[KeyRange]) {
        for range in ranges {
            match range {
                KeyRange::Exact(key) => {
                    self.exact.remove(&(key.clone(), id));
                }
                KeyRange::Prefix(prefix) => {
                    if self.prefix.remove(&(prefix.clone(), id)).is_some() {
                        self.shorten(prefix.as_bytes().len());
                    }
                }
            }
        }
        self.count = self.count.saturating_sub(1);
    }

    fn shorten(&mut self, length: usize) {
        if let Some(count) = self.lengths.get_mut(&length) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.lengths.remove(&length);
            }
        }
    }

    /// How many things there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Calls `tell` with each thing a commit concerns and the key that concerns it; some more than once.
    pub(crate) fn concerned(&self, commit: &Commit, mut tell: impl FnMut(&T, &Key)) {
        if self.count == 0 {
            return;
        }
        for change in &commit.changes {
            for thing in at(&self.exact, &change.key) {
                tell(thing, &change.key);
            }
            for length in self.lengths.keys() {
                let Some(start) = change.key.as_bytes().get(..*length) else {
                    break;
                };
                for thing in at(&self.prefix, &Key::new(change.key.realm(), start)) {
                    tell(thing, &change.key);
                }
            }
        }
    }
}

fn at<'a, T>(
    things: &'a BTreeMap<(Key, u64), Arc<T>>,
    key: &Key,
) -> impl Iterator<Item = &'a T> + use<'a, T> {
    let all = (key.clone(), 0)..=(key.clone(), u64::MAX);
    things.range(all).map(|(_, thing)| thing.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_away_leaves_nothing_behind() {
        let mut registry = Registry::default();
        let ranges = [
            KeyRange::Exact(Key::user("a")),
            KeyRange::Prefix(Key::user("a/")),
            KeyRange::Prefix(Key::user("b/")),
        ];
        let id = registry.add(&ranges, &Arc::new(()));
        registry.remove(id, &ranges);
        assert_eq!(registry.count, 0);
        assert!(
            registry.exact.is_empty() && registry.prefix.is_empty() && registry.lengths.is_empty()
        );
    }
}
