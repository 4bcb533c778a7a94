//! Entry map: all entries in order of keys, those that no tree can show apart from the others.
//!
//! A look-up of a tree skips what the tree cannot show (see [`Key::node`]), however much of it there is and wherever it
//! lies between the nodes: such a key under each of many directories cannot be jumped over.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use crate::model::{Entry, Key, Realm};

/// Entries by key. Cloning it costs nothing: clones share what did not change between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryMap {
    /// What trees can show, and the gateway's own records.
    shown: OrdMap<Key, Arc<Entry>>,
    /// Clients' entries that no tree can show.
    unshown: OrdMap<Key, Arc<Entry>>,
    /// How many keys of those that are shown end with a slash. A node is looked up by both of its keys, and where etcd v2's
    /// clients made no directories the second one is none that there is.
    slashed: usize,
}

impl EntryMap {
    /// The entry of a key.
    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        let found = if self.slashed == 0 && ends_with_slash(key) {
            None
        } else {
            self.shown.get(key)
        };
        if found.is_some() || self.unshown.is_empty() {
            return found;
        }
        self.unshown.get(key)
    }

    /// Whether there is an entry of this key.
    pub(crate) fn contains_key(&self, key: &Key) -> bool {
        self.get(key).is_some()
    }

    /// Puts an entry in the place of the one with the same key, and returns that, if any.
    pub(crate) fn insert(&mut self, key: Key, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        if is_unshown(&key) {
            return self.unshown.insert(key, entry);
        }
        let slash = usize::from(ends_with_slash(&key));
        let before = self.shown.insert(key, entry);
        if before.is_none() {
            self.slashed += slash;
        }
        before
    }

    /// Removes the entry of a key.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Arc<Entry>> {
        if !self.unshown.is_empty() && is_unshown(key) {
            return self.unshown.remove(key);
        }
        let before = self.shown.remove(key)?;
        self.slashed -= usize::from(ends_with_slash(key));
        Some(before)
    }

    /// The entries within bounds.
    pub(crate) fn range(
        &self,
        bounds: (Bound<Key>, Bound<Key>),
    ) -> impl Iterator<Item = (&Key, &Arc<Entry>)> {
        let mut unshown = self.unshown.range(bounds.clone()).peekable();
        let mut shown = self.shown.range(bounds).peekable();
        std::iter::from_fn(move || {
            let Some((other, _)) = unshown.peek() else {
                return shown.next();
            };
            if shown.peek().is_some_and(|(key, _)| key < other) {
                shown.next()
            } else {
                unshown.next()
            }
        })
    }

    /// The entries within bounds, without those that no tree can show: however many there are, they cost nothing.
    pub(crate) fn shown_range(
        &self,
        bounds: (Bound<Key>, Bound<Key>),
    ) -> impl Iterator<Item = (&Key, &Arc<Entry>)> {
        self.shown.range(bounds)
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.shown.len() + self.unshown.len()
    }

    /// How many of them no tree can show.
    pub(crate) fn unshown_len(&self) -> usize {
        self.unshown.len()
    }
}

/// Whether no tree can show the entry of a key.
fn is_unshown(key: &Key) -> bool {
    key.realm() == Realm::User && key.node().is_none()
}

fn ends_with_slash(key: &Key) -> bool {
    key.as_bytes().ends_with(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeyRange, Record, Revision};

    #[test]
    fn every_entry_is_found_in_order_whether_a_tree_can_show_it_or_not() {
        let keys = [
            &b""[..],
            b"/",
            b"a",
            b"a/",
            b"a//b",
            b"a/b",
            b"a/\xff",
            b"a/\xff/c",
            b"b",
            b"b//",
        ];
        let mut map = EntryMap::default();
        for key in keys.iter().rev().map(Key::user).chain([Key::system("s")]) {
            let record = Record::default();
            let modified = Revision::new(1, 0);
            map.insert(key, Arc::new(Entry { record, modified }));
        }
        let user = KeyRange::Prefix(Key::user("")).bounds();
        let found: Vec<_> = map
            .range(user.clone())
            .map(|(key, _)| key.as_bytes())
            .collect();
        assert_eq!(found, keys);
        let shown: Vec<_> = map
            .shown_range(user)
            .map(|(key, _)| key.as_bytes())
            .collect();
        assert_eq!(shown, [&b"a"[..], b"a/", b"a/b", b"b"]);
        assert_eq!((map.len(), map.unshown_len()), (11, 6));
        for key in keys.iter().map(Key::user) {
            assert!(map.contains_key(&key), "{key}");
            assert!(map.remove(&key).is_some(), "{key}");
            assert!(map.get(&key).is_none(), "{key}");
        }
        assert_eq!((map.len(), map.unshown_len()), (1, 0));
    }
}
