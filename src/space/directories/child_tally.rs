//! `ChildTally`: how many children a node ever had, as the deletion of one of them leaves it on a store without checkpoints.
//!
//! A create leaves nothing: a child that is there counts for itself. So the children that a node ever had, at any revision, are
//! those of the last tally and those that are there and newer. Whichever tally was decided on last has seen every child that
//! is gone: who deletes a child has seen it. The deletions of one node's children are spread over a few tallies, so that they
//! do not wait for each other; one that is written over was decided on before.

use serde::{Deserialize, Serialize};

use crate::model::{Entry, Key, Realm};

/// What begins the keys of all tallies.
const TALLIES: &str = "children/";

/// Ends the path in a key: no path has an empty segment.
const END: &str = "//";

/// How many tallies a node has at most.
const SLOTS: u8 = 16;

/// How many children a node ever had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildTally {
    /// How many.
    pub(crate) ever: u64,
    /// At this revision, which the deletion was decided on.
    pub(crate) at: u64,
}

impl ChildTally {
    /// The key of the tally that the deletion of a child writes.
    pub(crate) fn key(path: &str, child: &Key) -> Key {
        let sum = |sum: u8, byte: &u8| sum.wrapping_mul(31).wrapping_add(*byte);
        let slot = child.as_bytes().iter().fold(0, sum) % SLOTS;
        Key::system(format!("{TALLIES}{path}{END}{slot:x}"))
    }

    /// What begins the keys of a node's tallies.
    pub(crate) fn prefix(path: &str) -> Key {
        Key::system(format!("{TALLIES}{path}{END}"))
    }

    /// What begins the keys of all tallies.
    pub(crate) fn all() -> Key {
        Key::system(TALLIES)
    }

    /// The path of the node that a tally is of.
    pub(crate) fn path(key: &Key) -> Option<&str> {
        if key.realm() != Realm::System {
            return None;
        }
        let rest = key.as_str()?.strip_prefix(TALLIES)?;
        rest.rsplit_once(END).map(|(path, _)| path)
    }

    /// Reads it; `None` where somebody else wrote over it.
    pub(crate) fn read(entry: &Entry) -> Option<Self> {
        serde_json::from_slice(entry.value()).ok()
    }

    /// The value of its entry.
    pub(crate) fn value(&self) -> bytes::Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_tally_names_its_node() {
        for path in ["", "a", "a/b", "children"] {
            let key = ChildTally::key(path, &Key::user("a/b/c"));
            assert!(key.starts_with(&ChildTally::prefix(path)), "{key:?}");
            assert!(key.starts_with(&ChildTally::all()), "{key:?}");
            assert_eq!(ChildTally::path(&key), Some(path));
        }
        assert!(!ChildTally::prefix("a/b").starts_with(&ChildTally::prefix("a")));
        assert_eq!(ChildTally::path(&Key::user("children/a//0")), None);
    }

    #[test]
    fn neighbours_leave_tallies_of_their_own() {
        let keys = (0..100).map(|n| ChildTally::key("q", &Key::user(format!("q/n-{n:010}"))));
        let slots: std::collections::BTreeSet<_> = keys.collect();
        assert!(slots.len() > 8, "{slots:?}");
        assert!(slots.len() <= usize::from(SLOTS));
    }
}
