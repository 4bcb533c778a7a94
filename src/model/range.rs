//! Key ranges: one key, or all with a prefix.

use std::ops::Bound;

use super::Key;

/// One key, or all keys that begin with some bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyRange {
    /// Just this key.
    Exact(Key),
    /// Every key of the same realm that begins with these bytes.
    Prefix(Key),
}

impl KeyRange {
    /// Whether the key lies in it.
    pub fn contains(&self, key: &Key) -> bool {
        match self {
            Self::Exact(own) => own == key,
            Self::Prefix(prefix) => key.starts_with(prefix),
        }
    }

    /// Whether some key could lie in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(key), range) | (range, Self::Exact(key)) => range.contains(key),
            (Self::Prefix(a), Self::Prefix(b)) => a.starts_with(b) || b.starts_with(a),
        }
    }

    /// Its bounds in the order of keys.
    pub fn bounds(&self) -> (Bound<Key>, Bound<Key>) {
        match self {
            Self::Exact(key) => (Bound::Included(key.clone()), Bound::Included(key.clone())),
            Self::Prefix(prefix) => (
                Bound::Included(prefix.clone()),
                prefix
                    .prefix_end()
                    .map_or(Bound::Unbounded, Bound::Excluded),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(bytes: &str) -> KeyRange {
        KeyRange::Prefix(Key::user(bytes))
    }

    fn exact(bytes: &str) -> KeyRange {
        KeyRange::Exact(Key::user(bytes))
    }

    #[test]
    fn ranges_overlap_where_a_key_could_be_in_both() {
        assert!(prefix("a").overlaps(&prefix("a/b")));
        assert!(prefix("a/b").overlaps(&prefix("a")));
        assert!(!prefix("a").overlaps(&prefix("b")));
        assert!(prefix("a").overlaps(&exact("ab")));
        assert!(!exact("a").overlaps(&exact("a/")));
        assert!(!prefix("").overlaps(&KeyRange::Prefix(Key::system(""))));
    }
}
