//! `RecentReads`: the entries that a decision looked up last, which it mostly looks at again.
//!
//! A create looks at its key to see that nothing is there, to continue the record of what was, to judge the write and to note
//! what it replaces: each would be a search among all entries, inside the critical section.

use std::cell::RefCell;
use std::sync::Arc;

use crate::model::{Entry, Key};

/// The last two look-ups, the later one first: a node has two keys. What a draft is decided on does not change meanwhile.
#[derive(Debug, Default)]
pub(super) struct RecentReads<'a>(RefCell<[Option<Read<'a>>; 2]>);

#[derive(Debug)]
struct Read<'a> {
    key: Key,
    entry: Option<&'a Arc<Entry>>,
}

impl<'a> RecentReads<'a> {
    /// The entry of a key, which is looked up unless it was one of the last.
    pub(super) fn get(
        &self,
        key: &Key,
        look_up: impl FnOnce() -> Option<&'a Arc<Entry>>,
    ) -> Option<&'a Arc<Entry>> {
        let mut reads = self.0.borrow_mut();
        let found = reads.iter().flatten().find(|read| read.key == *key);
        if let Some(read) = found {
            return read.entry;
        }
        let entry = look_up();
        let key = key.clone();
        let [last, _] = std::mem::take(&mut *reads);
        *reads = [Some(Read { key, entry }), last];
        entry
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::model::{Record, Revision};

    #[test]
    fn only_the_last_two_keys_are_not_looked_up_again() {
        let record = Record::default();
        let modified = Revision::new(1, 0);
        let there = Arc::new(Entry { record, modified });
        let (recent, looked_up) = (RecentReads::default(), Cell::new(0));
        let get = |key: &str| {
            let found = recent.get(&Key::user(key), || {
                looked_up.set(looked_up.get() + 1);
                (key == "there").then_some(&there)
            });
            assert_eq!(found.is_some(), key == "there", "{key}");
            looked_up.get()
        };
        assert_eq!((get("there"), get("there")), (1, 1));
        assert_eq!((get("there/"), get("there"), get("there/")), (2, 2, 2));
        assert_eq!((get("other"), get("there/"), get("there")), (3, 3, 4));
    }
}
