//! Whether two listings are equal.

use super::{Item, Listing};

/// How far apart, in milliseconds, the ends of two equal TTLs may be: servers tell whole seconds of what is left.
const SLACK_MS: u64 = 2_000;

/// What differs, by key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Missing, or another: to be written.
    pub(super) wrong: Vec<Vec<u8>>,
    /// There, and not to be.
    pub(super) extra: Vec<Vec<u8>>,
}

impl Difference {
    pub(super) fn is_none(&self) -> bool {
        self.wrong.is_empty() && self.extra.is_empty()
    }
}

/// What of `there` is not as it is to be. An entry whose TTL is over by `now_ms` may be there or not.
pub(super) fn difference(to_be: &Listing, there: &Listing, now_ms: i64) -> Difference {
    let mut found = Difference::default();
    for (key, item) in &to_be.items {
        let equal = match there.items.get(key) {
            Some(other) => same((to_be, item), (there, other)),
            None => to_be.ends_ms(item).is_some_and(|end| end <= now_ms),
        };
        if !equal {
            found.wrong.push(key.clone());
        }
    }
    let extra = there
        .items
        .keys()
        .filter(|key| !to_be.items.contains_key(*key));
    found.extra = extra.cloned().collect();
    found
}

fn same((listing, item): (&Listing, &Item), (other_listing, other): (&Listing, &Item)) -> bool {
    let ends = match (listing.ends_ms(item), other_listing.ends_ms(other)) {
        (None, None) => true,
        (Some(one), Some(two)) => one.abs_diff(two) <= SLACK_MS,
        (Some(_), None) | (None, Some(_)) => false,
    };
    ends && item.value == other.value && item.flags == other.flags && item.dir == other.dir
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(read_ms: i64, items: &[(&str, Item)]) -> Listing {
        let items = items.iter().cloned();
        Listing {
            read_ms,
            items: items.map(|(key, item)| (key.into(), item)).collect(),
            ..Listing::default()
        }
    }

    #[test]
    fn all_that_is_moved_is_compared() {
        let plain = Item::default();
        let to_be = listing(0, &[("a", plain.clone())]);
        let wrong = |item: Item| {
            let found = difference(&to_be, &listing(0, &[("a", item)]), 0);
            !found.wrong.is_empty()
        };
        assert!(!wrong(plain.clone()));
        let value = bytes::Bytes::from_static(b"x");
        assert!(wrong(Item {
            value,
            ..plain.clone()
        }));
        assert!(wrong(Item {
            flags: 1,
            ..plain.clone()
        }));
        let dir = crate::model::DirMark::Made;
        assert!(wrong(Item {
            dir,
            ..plain.clone()
        }));
        let ttl_left_ms = Some(1);
        assert!(wrong(Item {
            ttl_left_ms,
            ..plain.clone()
        }));
        let two = listing(0, &[("a", plain.clone()), ("b", plain)]);
        assert_eq!(difference(&to_be, &two, 0).extra, [b"b"]);
        assert_eq!(difference(&two, &to_be, 0).wrong, [b"b"]);
    }

    #[test]
    fn ttls_are_equal_where_they_end_together() {
        let left = |ms| Item {
            ttl_left_ms: Some(ms),
            ..Item::default()
        };
        let to_be = listing(1_000, &[("a", left(60_000))]);
        let at = |read_ms, ms| difference(&to_be, &listing(read_ms, &[("a", left(ms))]), 0);
        assert!(at(11_000, 50_000).is_none());
        assert!(at(11_000, 51_500).is_none());
        assert!(!at(11_000, 60_000).is_none());
        let gone = listing(0, &[]);
        assert!(!difference(&to_be, &gone, 60_000).is_none());
        assert!(difference(&to_be, &gone, 61_000).is_none());
    }
}
