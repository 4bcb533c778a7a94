//! Range index: finds the items whose ranges a commit touches.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::prefix_map::PrefixMap;
use crate::model::{Change, Key, KeyRange};
use crate::store::KeyHash;

/// How many changes of a commit are looked up while a lock around the index is held, before others may have it.
pub(crate) const CHANGES_AT_ONCE: usize = 1_024;

/// Items by the number they were given.
type Items<T> = BTreeMap<u64, Arc<T>>;

/// Items by their ranges.
///
/// Finding those that a commit touches costs a look-up and a walk along each of its keys, however many items there are and
/// however many lengths their prefixes have; and each item is visited once, however many of its keys were changed.
#[derive(Debug)]
pub(crate) struct RangeIndex<T> {
    exact: HashMap<Key, Items<T>, KeyHash>,
    prefix: PrefixMap<PrefixItems<T>>,
    count: usize,
    last_id: u64,
    last_pass: u64,
}

/// The items with one prefix.
#[derive(Debug)]
struct PrefixItems<T> {
    items: Items<T>,
    /// The last pass in which all of them were visited and none wants to hear of more.
    settled: Cell<u64>,
}

/// The changes of one commit, on their way through an index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass(u64);

impl<T> Default for RangeIndex<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::default(),
            prefix: PrefixMap::default(),
            count: 0,
            last_id: 0,
            last_pass: 0,
        }
    }
}

impl<T> RangeIndex<T> {
    /// Adds an item; the number returned removes it again.
    pub(crate) fn add(&mut self, ranges: &[KeyRange], item: &Arc<T>) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        for range in ranges {
            let item = Arc::clone(item);
            match range {
                KeyRange::Exact(key) => {
                    self.exact.entry(key.clone()).or_default().insert(id, item);
                }
                KeyRange::Prefix(prefix) => {
                    if let Some(own) = self.prefix.get_mut(prefix) {
                        own.items.insert(id, item);
                        continue;
                    }
                    let own = PrefixItems {
                        items: Items::from([(id, item)]),
                        settled: Cell::new(0),
                    };
                    self.prefix.insert(prefix, own);
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
                    if remove_from(self.exact.get_mut(key), id) {
                        self.exact.remove(key);
                    }
                }
                KeyRange::Prefix(prefix) => {
                    let own = self.prefix.get_mut(prefix);
                    if remove_from(own.map(|own| &mut own.items), id) {
                        self.prefix.remove(prefix);
                    }
                }
            }
        }
        self.count = self.count.saturating_sub(1);
    }

    /// How many items there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Begins with another commit.
    pub(crate) fn begin(&mut self) -> Pass {
        self.last_pass += 1;
        Pass(self.last_pass)
    }

    /// Calls `visit` with each item that these changes of a commit touch, and a key that touches it, until it returns true:
    /// the item need not hear of more of the commit. An item with several ranges may be visited after that.
    pub(crate) fn for_each_match(
        &self,
        pass: Pass,
        changes: &[Change],
        mut visit: impl FnMut(&T, &Key) -> bool,
    ) {
        if self.count == 0 {
            return;
        }
        for Change { key, .. } in changes {
            for item in self.exact.get(key).into_iter().flat_map(Items::values) {
                visit(item, key);
            }
            self.prefix.find_on_way(key, |own| {
                if own.settled.get() < pass.0 {
                    let mut all = true;
                    for item in own.items.values() {
                        all &= visit(item, key);
                    }
                    if all {
                        own.settled.set(pass.0);
                    }
                }
                None::<()>
            });
        }
    }
}

/// Removes one of these items; says whether none is left.
fn remove_from<T>(items: Option<&mut Items<T>>, id: u64) -> bool {
    items.is_some_and(|items| {
        items.remove(&id);
        items.is_empty()
    })
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
        assert!(index.exact.is_empty() && index.prefix.is_empty());
    }

    #[test]
    fn a_commit_of_many_keys_visits_each_item_once() {
        let mut index = RangeIndex::default();
        for _ in 0..100 {
            let ranges = ["", "a", "a/", "b"].map(|prefix| KeyRange::Prefix(Key::user(prefix)));
            index.add(&ranges, &Arc::new(()));
        }
        let changes: Vec<_> = (0..1_000)
            .map(|number| Change {
                key: Key::user(format!("a/{number}")),
                now: None,
                before: None,
            })
            .collect();
        for _ in 0..2 {
            let pass = index.begin();
            let mut visits = 0;
            for part in changes.chunks(10) {
                index.for_each_match(pass, part, |(), _| {
                    visits += 1;
                    true
                });
            }
            assert_eq!(visits, 300, "100 items, each by three of its ranges");
        }
    }

    #[test]
    fn an_item_that_cannot_see_a_key_hears_of_the_next() {
        let mut index = RangeIndex::default();
        index.add(&[KeyRange::Prefix(Key::user(""))], &Arc::new(()));
        let changes = ["a", "b", "c"].map(|key| Change {
            key: Key::user(key),
            now: None,
            before: None,
        });
        let mut heard = Vec::new();
        let pass = index.begin();
        index.for_each_match(pass, &changes, |(), key| {
            heard.push(key.clone());
            *key == Key::user("b")
        });
        assert_eq!(heard, [Key::user("a"), Key::user("b")]);
    }
}
