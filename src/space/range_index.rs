//! Range index: finds the items whose ranges a commit touches.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Commit, Key, KeyRange};

/// Items by their ranges.
///
/// Finding those that a commit touches costs a look-up per key and per length of prefix in use, however many items there
/// are.
#[derive(Debug)]
pub(crate) struct RangeIndex<T> {
    exact: BTreeMap<(Key, u64), Arc<T>>,
    prefix: BTreeMap<(Key, u64), Arc<T>>,
    /// How many items have a prefix of each length.
    lengths: BTreeMap<usize, usize>,
    count: usize,
    last_id: u64,
}

impl<T> Default for RangeIndex<T> {
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

impl<T> RangeIndex<T> {
    /// Adds an item; the number returned removes it again.
    pub(crate) fn add(&mut self, ranges: &[KeyRange], item: &Arc<T>) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        for range in ranges {
            match range {
                KeyRange::Exact(key) => {
                    self.exact.insert((key.clone(), id), Arc::clone(item));
                }
                KeyRange::Prefix(prefix) => {
                    let place = (prefix.clone(), id);
                    if self.prefix.insert(place, Arc::clone(item)).is_none() {
                        *self.lengths.entry(prefix.as_bytes().len()).or_default() += 1;
                    }
                }
            }
        }
        self.count += 1;
        id
    }

    /// Removes an item, given the ranges it was added with.
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

    /// How many items there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Calls `visit` with each item that a commit touches, and the key that touches it; with some more than once.
    pub(crate) fn for_each_match(&self, commit: &Commit, mut visit: impl FnMut(&T, &Key)) {
        if self.count == 0 {
            return;
        }
        for change in &commit.changes {
            for item in at(&self.exact, &change.key) {
                visit(item, &change.key);
            }
            for length in self.lengths.keys() {
                let Some(start) = change.key.as_bytes().get(..*length) else {
                    break;
                };
                for item in at(&self.prefix, &Key::new(change.key.realm(), start)) {
                    visit(item, &change.key);
                }
            }
        }
    }
}

fn at<'a, T>(
    items: &'a BTreeMap<(Key, u64), Arc<T>>,
    key: &Key,
) -> impl Iterator<Item = &'a T> + use<'a, T> {
    let all = (key.clone(), 0)..=(key.clone(), u64::MAX);
    items.range(all).map(|(_, item)| item.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_empties_the_index() {
        let mut index = RangeIndex::default();
        let ranges = [
            KeyRange::Exact(Key::user("a")),
            KeyRange::Prefix(Key::user("a/")),
            KeyRange::Prefix(Key::user("b/")),
        ];
        let id = index.add(&ranges, &Arc::new(()));
        index.remove(id, &ranges);
        assert_eq!(index.count, 0);
        assert!(index.exact.is_empty() && index.prefix.is_empty() && index.lengths.is_empty());
    }
}
