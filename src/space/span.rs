//! Spans: stretches of keys that a decision reads or writes as a whole.

use std::cmp::Ordering;
use std::ops::Bound;

use super::prefix_map::common_length;
use crate::model::{Key, Realm};

/// A stretch of keys, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    from: Key,
    to: Bound<Key>,
}

impl Span {
    /// One key.
    pub(crate) fn key(key: &Key) -> Self {
        Self {
            from: key.clone(),
            to: Bound::Included(key.clone()),
        }
    }

    /// From one key on, to where a search ended.
    pub(crate) fn new(from: &Key, to: Bound<Key>) -> Self {
        Self {
            from: from.clone(),
            to,
        }
    }

    /// Whether it is that of one key.
    pub(super) fn is_one_key(&self) -> bool {
        matches!(&self.to, Bound::Included(to) if *to == self.from)
    }

    /// The first key that could lie in it.
    pub(crate) fn start(&self) -> &Key {
        &self.from
    }

    /// The same, of a span that nobody needs any more.
    pub(super) fn into_start(self) -> Key {
        self.from
    }

    /// Whether the key lies in it.
    pub(crate) fn contains(&self, key: &Key) -> bool {
        let below = match &self.to {
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        };
        below && self.from <= *key
    }

    /// Its bounds in the order of keys; `None` where no key lies in it.
    pub(crate) fn bounds(&self) -> Option<(Bound<&Key>, Bound<&Key>)> {
        let empty = match &self.to {
            Bound::Included(to) => *to < self.from,
            Bound::Excluded(to) => *to <= self.from,
            Bound::Unbounded => false,
        };
        (!empty).then_some((Bound::Included(&self.from), self.to.as_ref()))
    }

    /// Prefixes that every key in it begins with one of: one prefix, or one a realm where it goes from one into the next.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = Key> {
        let realm = self.from.realm();
        let whole = |realm| Key::new(realm, []);
        let (first, second) = match &self.to {
            Bound::Unbounded => match realm {
                Realm::User => (whole(realm), Some(whole(Realm::System))),
                Realm::System => (whole(realm), None),
            },
            Bound::Excluded(to) if self.from.prefix_end().as_ref() == Some(to) => {
                (self.from.clone(), None)
            }
            Bound::Excluded(to) | Bound::Included(to) if to.realm() == realm => {
                (self.common_prefix(to), None)
            }
            // All of a realm ends where the next begins.
            Bound::Excluded(to) if to.as_bytes().is_empty() => (whole(realm), None),
            Bound::Excluded(to) | Bound::Included(to) => (whole(realm), Some(whole(to.realm()))),
        };
        std::iter::once(first).chain(second)
    }

    /// What every key between its start and `to` begins with.
    fn common_prefix(&self, to: &Key) -> Key {
        let (from, end) = (self.from.as_bytes(), to.as_bytes());
        let common = common_length(from, end);
        // `a/x..a0` is within `a/`: its end is the first key past that.
        let next = from
            .get(..=common)
            .map(|longer| Key::new(to.realm(), longer));
        match next.filter(|longer| longer.prefix_end().as_ref() == Some(to)) {
            Some(longer) if matches!(self.to, Bound::Excluded(_)) => longer,
            Some(_) | None => Key::new(to.realm(), from.get(..common).unwrap_or_default()),
        }
    }

    /// Takes in a span that begins after this one, if the two overlap or have no gap in between; says whether it did.
    pub(super) fn absorb(&mut self, next: &Self) -> bool {
        let joined = self.reaches(&next.from);
        if joined && compare_ends(&next.to, &self.to) == Ordering::Greater {
            self.to = next.to.clone();
        }
        joined
    }

    /// Whether a span that begins at `from` overlaps this one or follows it without a gap; it begins after this one.
    fn reaches(&self, from: &Key) -> bool {
        match &self.to {
            Bound::Included(to) | Bound::Excluded(to) => from <= to,
            Bound::Unbounded => true,
        }
    }
}

/// Which of two ends is further.
fn compare_ends(a: &Bound<Key>, b: &Bound<Key>) -> Ordering {
    match (a, b) {
        (Bound::Unbounded, Bound::Unbounded) => Ordering::Equal,
        (Bound::Unbounded, _) => Ordering::Greater,
        (_, Bound::Unbounded) => Ordering::Less,
        (Bound::Included(a), Bound::Included(b)) | (Bound::Excluded(a), Bound::Excluded(b)) => {
            a.cmp(b)
        }
        (Bound::Included(a), Bound::Excluded(b)) => a.cmp(b).then(Ordering::Greater),
        (Bound::Excluded(a), Bound::Included(b)) => a.cmp(b).then(Ordering::Less),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::any_span::{beneath, keys, spans};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_key_of_a_span_begins_with_one_of_its_prefixes(span in spans(), key in keys()) {
            let prefixes: Vec<Key> = span.prefixes().collect();
            prop_assert!(!span.contains(&key) || prefixes.iter().any(|prefix| key.starts_with(prefix)));
        }
    }

    #[test]
    fn a_span_beneath_a_prefix_is_known_by_that_prefix() {
        let key = |text: &str| Key::user(text);
        let prefix = |span: &Span| span.prefixes().collect::<Vec<_>>();
        assert_eq!(prefix(&beneath("a/")), [key("a/")]);
        assert_eq!(prefix(&beneath("")), [key("")]);
        let search = Span::new(&key("a/\0"), Bound::Excluded(key("a0")));
        assert_eq!(prefix(&search), [key("a/")]);
        let found = Span::new(&key("a/\0"), Bound::Included(key("a/b")));
        assert_eq!(prefix(&found), [key("a/")]);
    }
}
