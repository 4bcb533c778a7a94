//! The difference between two listings.

use super::{Item, Listing};

/// How far apart, in milliseconds, the ends of two equal TTLs may be: servers return the TTL left in whole seconds.
const SLACK_MS: u64 = 2_000;

/// The keys that differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Keys whose entry is missing or differs: to be written. That of the root is [`super::listing::ROOT`].
    pub(super) wrong: Vec<Vec<u8>>,
    /// Keys whose entry should not exist.
    pub(super) extra: Vec<Vec<u8>>,
}

impl Difference {
    pub(super) fn is_empty(&self) -> bool {
        self.wrong.is_empty() && self.extra.is_empty()
    }
}

/// The difference of `actual` from `wanted`. An entry whose TTL has run out by `now_ms` may exist or not.
pub(super) fn difference(wanted: &Listing, actual: &Listing, now_ms: i64) -> Difference {
    let mut found = Difference::default();
    for (key, item) in wanted.with_root() {
        let equal = match actual.get(key) {
            Some(other) => same((wanted, item), (actual, other)),
            None => wanted.ends_ms(item).is_some_and(|end| end <= now_ms),
        };
        if !equal {
            found.wrong.push(key.to_vec());
        }
    }
    // A root that only the target has something of stays: its access list protects what was there before.
    let extra = actual
        .items
        .keys()
        .filter(|key| !wanted.items.contains_key(*key));
    found.extra = extra.cloned().collect();
    found
}

fn same((listing, item): (&Listing, &Item), (other_listing, other): (&Listing, &Item)) -> bool {
    let ends = match (listing.ends_ms(item), other_listing.ends_ms(other)) {
        (None, None) => true,
        (Some(one), Some(two)) => one.abs_diff(two) <= SLACK_MS,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let znode = item.znode.is_none() || item.znode == other.znode;
    let versions = item.versions.is_none() || item.versions == other.versions;
    let plain = item.value == other.value && item.flags == other.flags && item.dir == other.dir;
    ends && plain && znode && versions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::{ItemVersions, ZnodeItem};

    fn listing(read_ms: i64, items: &[(&str, Item)]) -> Listing {
        let items = items.iter().cloned();
        Listing {
            read_ms,
            items: items.map(|(key, item)| (key.into(), item)).collect(),
            ..Listing::default()
        }
    }

    #[test]
    fn every_moved_attribute_is_compared() {
        let plain = Item::default();
        let wanted = listing(0, &[("a", plain.clone())]);
        let wrong = |item: Item| {
            let found = difference(&wanted, &listing(0, &[("a", item)]), 0);
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
        let znode = |null| ZnodeItem {
            null,
            ..ZnodeItem::default()
        };
        let versions = |data| ItemVersions { data, acl: 0 };
        let all = |null, data| Item {
            znode: Some(znode(null)),
            versions: Some(versions(data)),
            ..plain.clone()
        };
        assert!(!wrong(all(true, 7)), "the source has none of these");
        let wanted = listing(0, &[("a", all(true, 7))]);
        for (item, equal) in [
            (all(true, 7), true),
            (all(false, 7), false),
            (all(true, 8), false),
            (plain.clone(), false),
        ] {
            let found = difference(&wanted, &listing(0, &[("a", item.clone())]), 0);
            assert_eq!(found.is_empty(), equal, "{item:?}");
        }
        let two = listing(0, &[("a", plain.clone()), ("b", plain)]);
        assert_eq!(difference(&wanted, &two, 0).extra, [b"b"]);
        assert_eq!(difference(&two, &wanted, 0).wrong, [b"b"]);
    }

    #[test]
    fn ttls_are_equal_if_they_end_together() {
        let left = |ms| Item {
            ttl_left_ms: Some(ms),
            ..Item::default()
        };
        let wanted = listing(1_000, &[("a", left(60_000))]);
        let at = |read_ms, ms| difference(&wanted, &listing(read_ms, &[("a", left(ms))]), 0);
        assert!(at(11_000, 50_000).is_empty());
        assert!(at(11_000, 51_500).is_empty());
        assert!(!at(11_000, 60_000).is_empty());
        let expired = listing(0, &[]);
        assert!(!difference(&wanted, &expired, 60_000).is_empty());
        assert!(difference(&wanted, &expired, 61_000).is_empty());
    }
}
