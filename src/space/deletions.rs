//! `Deletions`: when keys that are gone were deleted, those of wide deletions as whole blocks.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use super::entry_map::EntryMap;
use crate::model::Key;

/// The deletions from which on those of one commit are kept as a block. There are few of these at a time, because all
/// deletions that are remembered are bounded.
pub(crate) const BLOCK: usize = 2_048;

/// Deletions by key. Cloning it costs nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deletions {
    by_key: OrdMap<Key, u64>,
    /// Oldest first. A key of a block may have been written again since.
    blocks: Arc<[DeletedBlock]>,
}

/// What one commit deleted.
#[derive(Clone, Debug)]
pub(crate) struct DeletedBlock {
    /// Its revision.
    pub(crate) revision: u64,
    /// Its keys, in order.
    pub(crate) keys: Arc<[Key]>,
    /// How many of them, the first ones, are forgotten.
    pub(crate) forgotten: usize,
}

impl DeletedBlock {
    fn keys(&self) -> &[Key] {
        self.keys.get(self.forgotten..).unwrap_or_default()
    }

    fn has(&self, key: &Key) -> bool {
        let keys = self.keys();
        // Most blocks have nothing near it.
        let reaches = keys.first() <= Some(key) && Some(key) <= keys.last();
        reaches && keys.binary_search(key).is_ok()
    }

    fn within(&self, (from, to): (Bound<&Key>, Bound<&Key>)) -> &[Key] {
        let keys = self.keys();
        let begins = keys.partition_point(|key| match from {
            Bound::Included(from) => key < from,
            Bound::Excluded(from) => key <= from,
            Bound::Unbounded => false,
        });
        let rest = keys.get(begins..).unwrap_or_default();
        let ends = rest.partition_point(|key| match to {
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        });
        rest.get(..ends).unwrap_or_default()
    }
}

impl Deletions {
    /// Remembers one.
    pub(crate) fn insert(&mut self, key: Key, revision: u64) {
        self.by_key.insert(key, revision);
    }

    /// Remembers those of a wide deletion.
    pub(crate) fn push(&mut self, block: DeletedBlock) {
        self.blocks = self.blocks.iter().cloned().chain([block]).collect();
    }

    /// Forgets that of a key that is written again.
    pub(crate) fn remove(&mut self, key: &Key) {
        self.by_key.remove(key);
    }

    /// Forgets that of a key, unless it was deleted again since this revision.
    pub(crate) fn forget(&mut self, key: &Key, revision: u64) {
        if self.by_key.get(key) == Some(&revision) {
            self.by_key.remove(key);
        }
    }

    /// Forgets the blocks up to a revision.
    pub(crate) fn forget_blocks(&mut self, last: u64) {
        if self.blocks.iter().any(|block| block.revision <= last) {
            let left = self.blocks.iter().filter(|block| block.revision > last);
            self.blocks = left.cloned().collect();
        }
    }

    /// When a key that has no entry was deleted.
    pub(crate) fn get(&self, key: &Key) -> Option<u64> {
        let single = self.by_key.get(key).copied();
        let has_key = |block: &&DeletedBlock| block.has(key);
        let block = self.blocks.iter().rev().find(has_key);
        single.max(block.map(|block| block.revision))
    }

    /// The keys within bounds that are among these and have no entry, in order, with the revisions of their deletions.
    pub(crate) fn range<'a>(
        &'a self,
        bounds: (Bound<Key>, Bound<Key>),
        entries: &'a EntryMap,
    ) -> impl Iterator<Item = (&'a Key, u64)> {
        let within = (bounds.0.as_ref(), bounds.1.as_ref());
        let mut blocks: Vec<_> = self
            .blocks
            .iter()
            .map(|block| (block.within(within), block.revision))
            .filter(|(keys, _)| !keys.is_empty())
            .collect();
        let mut single = self.by_key.range(bounds).peekable();
        std::iter::from_fn(move || {
            loop {
                if blocks.is_empty() {
                    return single.next().map(|(key, revision)| (key, *revision));
                }
                let firsts = blocks.iter().filter_map(|(keys, _)| keys.first());
                let key = firsts.chain(single.peek().map(|(key, _)| *key)).min()?;
                let own = single.next_if(|(own, _)| *own == key);
                let mut last = own.map(|(_, revision)| *revision);
                for (keys, revision) in &mut blocks {
                    if let Some((first, rest)) = keys.split_first()
                        && first == key
                    {
                        last = last.max(Some(*revision));
                        *keys = rest;
                    }
                }
                blocks.retain(|(keys, _)| !keys.is_empty());
                // What is kept by key has none.
                if (own.is_some() || !entries.contains_key(key))
                    && let Some(last) = last
                {
                    return Some((key, last));
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Entry, KeyRange, Record, Revision};

    fn block(revision: u64, forgotten: usize, keys: &[&str]) -> DeletedBlock {
        DeletedBlock {
            revision,
            keys: keys.iter().map(Key::user).collect(),
            forgotten,
        }
    }

    #[test]
    fn blocks_and_single_deletions_are_found_as_one_list() {
        let mut deletions = Deletions::default();
        let mut entries = EntryMap::default();
        deletions.push(block(5, 1, &["a", "b", "c", "d", "x"]));
        deletions.push(block(7, 0, &["c", "e"]));
        deletions.insert(Key::user("b"), 9);
        deletions.insert(Key::user("f"), 4);
        // Written again after the first block.
        let record = Record::default();
        let modified = Revision::new(8, 0);
        entries.insert(Key::user("d"), Arc::new(Entry { record, modified }));
        let all = |deletions: &Deletions, prefix: &str| -> Vec<(String, u64)> {
            let bounds = KeyRange::Prefix(Key::user(prefix)).bounds();
            let found = deletions.range(bounds, &entries);
            found
                .map(|(key, revision)| (key.as_str().unwrap().to_owned(), revision))
                .collect()
        };
        let of = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
            let own = list.iter();
            own.map(|(key, revision)| ((*key).to_owned(), *revision))
                .collect()
        };
        let expected = of(&[("b", 9), ("c", 7), ("e", 7), ("f", 4), ("x", 5)]);
        assert_eq!(all(&deletions, ""), expected);
        assert_eq!(all(&deletions, "c"), of(&[("c", 7)]));
        for (key, revision) in [("a", None), ("b", Some(9)), ("c", Some(7)), ("x", Some(5))] {
            assert_eq!(deletions.get(&Key::user(key)), revision, "{key}");
        }
        deletions.forget(&Key::user("b"), 4);
        deletions.forget_blocks(5);
        assert_eq!(
            all(&deletions, ""),
            of(&[("b", 9), ("c", 7), ("e", 7), ("f", 4)])
        );
        deletions.forget(&Key::user("b"), 9);
        assert_eq!(deletions.get(&Key::user("b")), None);
    }
}
