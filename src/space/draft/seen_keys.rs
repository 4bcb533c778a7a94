//! `SeenKeys`: the keys that a decision last found its caller may see, which it mostly asks for again.
//!
//! A write asks for its key where it compares, where it continues the record and where it puts it: each would be a walk through the
//! caller's rights, inside the critical section.

use std::cell::RefCell;

use crate::model::Key;

/// The last two keys that the caller may see, the later one first: a node has two keys. Its rights do not change while it is
/// decided.
#[derive(Debug, Default)]
pub(super) struct SeenKeys(RefCell<[Option<Key>; 2]>);

impl SeenKeys {
    /// Whether the caller may see a key, which is asked for unless it was one of the last.
    pub(super) fn sees(&self, key: &Key, ask: impl FnOnce() -> bool) -> bool {
        if self.0.borrow().iter().flatten().any(|seen| seen == key) {
            return true;
        }
        let is_seen = ask();
        if is_seen {
            let [last, _] = self.0.take();
            self.0.replace([Some(key.clone()), last]);
        }
        is_seen
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn only_the_last_two_keys_that_may_be_seen_are_not_asked_for_again() {
        let (seen, asked) = (SeenKeys::default(), Cell::new(0));
        let sees = |key: &str| {
            let is_seen = seen.sees(&Key::user(key), || {
                asked.set(asked.get() + 1);
                !key.starts_with("hidden")
            });
            assert_eq!(is_seen, !key.starts_with("hidden"), "{key}");
            asked.get()
        };
        assert_eq!((sees("a"), sees("a")), (1, 1));
        assert_eq!((sees("a/"), sees("a"), sees("a/")), (2, 2, 2));
        assert_eq!((sees("hidden"), sees("hidden"), sees("a")), (3, 4, 4));
        assert_eq!((sees("b"), sees("a/"), sees("a")), (5, 5, 6));
    }
}
