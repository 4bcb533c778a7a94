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
    /// The same by their numbers, with their ranges.
    all: BTreeMap<u64, (Box<[KeyRange]>, Arc<T>)>,
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
            all: BTreeMap::new(),
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
        self.all.insert(id, (ranges.into(), Arc::clone(item)));
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
        self.all.remove(&id);
    }

    /// How many items there are.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
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
        if self.all.is_empty() {
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

/// Keys of one commit, in order: where they are far more than the items, each item looks for its own among them.
#[derive(Debug)]
pub(crate) struct OrderedPass<'a> {
    keys: &'a [Key],
    /// The next item, and the last there was when the pass began.
    next: u64,
    last: u64,
}

/// How many items look for their keys while a lock around the index is held.
const ITEMS_AT_ONCE: usize = 64;

/// How many keys a look-up of one item among them is worth.
const KEYS_EACH: usize = 32;

impl<T> RangeIndex<T> {
    /// Begins with the keys of another commit, where it is best that each item looks for its own.
    pub(crate) fn begin_ordered<'a>(&self, keys: Option<&'a [Key]>) -> Option<OrderedPass<'a>> {
        let keys = keys.filter(|keys| keys.len() / KEYS_EACH >= self.all.len())?;
        Some(OrderedPass {
            keys,
            next: 0,
            last: self.last_id,
        })
    }

    /// As [`RangeIndex::for_each_match`], of the next items; false where there are no more.
    pub(crate) fn match_next(
        &self,
        pass: &mut OrderedPass<'_>,
        mut visit: impl FnMut(&T, &Key) -> bool,
    ) -> bool {
        let mut left = ITEMS_AT_ONCE;
        for (id, (ranges, item)) in self.all.range(pass.next..=pass.last) {
            if left == 0 {
                return true;
            }
            left -= 1;
            pass.next = id.saturating_add(1);
            let keys = ranges.iter().flat_map(|range| within(pass.keys, range));
            for key in keys {
                if visit(item, key) {
                    break;
                }
            }
        }
        false
    }
}

/// The keys of a range among keys in order.
fn within<'a>(keys: &'a [Key], range: &KeyRange) -> &'a [Key] {
    match range {
        KeyRange::Exact(key) => {
            let at = keys.binary_search(key).ok();
            at.and_then(|at| keys.get(at..=at)).unwrap_or_default()
        }
        KeyRange::Prefix(prefix) => {
            let begins = keys.partition_point(|key| key < prefix);
            let rest = keys.get(begins..).unwrap_or_default();
            let ends = rest.partition_point(|key| key.starts_with(prefix));
            rest.get(..ends).unwrap_or_default()
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
        assert_eq!(index.count(), 0);
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
    fn items_find_the_same_keys_as_keys_find_items() {
        let mut random = fastrand::Rng::with_seed(3);
        let name = |random: &mut fastrand::Rng| -> String {
            let length = random.usize(..4);
            let letters = (0..length).map(|_| if random.bool() { 'a' } else { 'b' });
            letters.collect()
        };
        for _ in 0..500 {
            let mut index = RangeIndex::default();
            for number in 0..random.usize(..100) {
                let key = Key::user(name(&mut random));
                let range = if random.bool() {
                    KeyRange::Exact(key)
                } else {
                    KeyRange::Prefix(key)
                };
                index.add(&[range], &Arc::new(number));
            }
            let keys = (0..6).map(|_| Key::user(name(&mut random)));
            let mut keys: Vec<_> = keys.collect();
            keys.sort();
            keys.dedup();
            let changes = keys.iter().map(|key| Change {
                key: key.clone(),
                now: None,
                before: None,
            });
            let changes: Vec<_> = changes.collect();
            let mut found = std::collections::BTreeSet::new();
            let pass = index.begin();
            index.for_each_match(pass, &changes, |number, _| {
                found.insert(*number);
                false
            });
            let mut same = std::collections::BTreeSet::new();
            let mut pass = OrderedPass {
                keys: &keys,
                next: 0,
                last: index.last_id,
            };
            let mut visit = |number: &usize, _: &Key| {
                assert!(same.insert(*number), "each once");
                true
            };
            while index.match_next(&mut pass, &mut visit) {}
            assert_eq!(same, found, "{keys:?}");
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
