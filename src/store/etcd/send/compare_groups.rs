//! Groups of neighbouring writes whose preconditions one compare checks.
//!
//! Where a transaction has more preconditions than compares, one compare covers neighbours: no key from the first to the
//! last was written since the cache's revision. It does not see that another writer has deleted one of them. A key that was
//! to be deleted is gone then as it should be, and one that was to keep its value etcd refuses to write. A new value of a
//! client's key always has a compare of its own.

use std::collections::HashSet;
use std::ops::Bound;

use super::transaction::keeps_value;
use crate::model::{Key, Realm, Write};
use crate::store::etcd::cache::key_cache::KeyCache;
use crate::store::etcd::encoding::layout::Layout;

/// A write of a key.
pub(super) struct GroupedWrite<'a> {
    pub(super) zone: u8,
    pub(super) key: &'a Key,
    /// Its number among all writes of the transaction.
    pub(super) sub: u32,
    pub(super) write: &'a Write,
}

impl<'a> GroupedWrite<'a> {
    pub(super) fn new((sub, key, write): (u32, &'a Key, &'a Write)) -> Self {
        Self {
            zone: Layout::zone(key),
            key,
            sub,
            write,
        }
    }

    /// Whether it may share a compare with its neighbours.
    fn may_share(&self) -> bool {
        let is_put = self.write.put.is_some();
        self.key.realm() == Realm::System || !is_put || keeps_value(self.write)
    }

    pub(super) fn is_deletion(&self) -> bool {
        self.write.put.is_none()
    }
}

/// Writes that share a compare: the first and last of them, by their places in the list of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompareGroup {
    first: usize,
    last: usize,
    /// How many entries that are not written stand between this group and the one before; `None` where the two cannot
    /// be merged.
    gap: Option<usize>,
}

impl CompareGroup {
    fn of(at: usize) -> Self {
        Self {
            first: at,
            last: at,
            gap: None,
        }
    }

    pub(super) fn writes<'a, 'b>(&self, writes: &'b [GroupedWrite<'a>]) -> &'b [GroupedWrite<'a>] {
        writes.get(self.first..=self.last).unwrap_or_default()
    }
}

/// The groups of writes with no other entry between them, and the writes that need a compare of their own.
pub(super) fn group(
    cache: &KeyCache,
    writes: &[GroupedWrite<'_>],
) -> (Vec<CompareGroup>, Vec<CompareGroup>) {
    let (mut groups, mut alone) = (Vec::<CompareGroup>::new(), Vec::new());
    for (at, write) in writes.iter().enumerate() {
        if !write.may_share() {
            alone.push(CompareGroup::of(at));
            continue;
        }
        let mut group = CompareGroup::of(at);
        if let Some(before) = groups.last_mut()
            && let Some(last) = writes.get(before.last)
            && last.zone == write.zone
        {
            let gap = entries_between(cache, last.key, write.key);
            if gap == 0 && before.last + 1 == at {
                before.last = at;
                continue;
            }
            group.gap = Some(gap);
        }
        groups.push(group);
    }
    (groups, alone)
}

/// How many entries stand between two keys.
fn entries_between(cache: &KeyCache, from: &Key, to: &Key) -> usize {
    let bounds = (Bound::Excluded(from), Bound::Excluded(to));
    let slots = cache.slots.range::<Key, _>(bounds);
    slots.filter(|(_, slot)| slot.value.is_some()).count()
}

/// Merges neighbouring groups, across as few other entries as can be, until they are no more than this; `None` where they
/// cannot be so few.
pub(super) fn merge(groups: &mut Vec<CompareGroup>, most: usize) -> Option<()> {
    let excess = groups.len().saturating_sub(most);
    let gaps = groups.iter().enumerate();
    let mut gaps: Vec<_> = gaps
        .filter_map(|(at, group)| Some((group.gap?, at)))
        .collect();
    gaps.sort_unstable();
    let closed: HashSet<_> = gaps.get(..excess)?.iter().map(|(_, at)| *at).collect();
    let mut merged = Vec::<CompareGroup>::new();
    for (at, group) in groups.drain(..).enumerate() {
        match merged.last_mut() {
            Some(before) if closed.contains(&at) => before.last = group.last,
            _ => merged.push(group),
        }
    }
    *groups = merged;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Target;
    use crate::store::etcd::cache::key_cache::{CachedValue, KeySlot};

    fn compare_group(first: usize, last: usize, gap: Option<usize>) -> CompareGroup {
        CompareGroup { first, last, gap }
    }

    #[test]
    fn nearest_groups_are_merged_and_never_those_of_two_zones() {
        let all = [
            compare_group(0, 0, None),
            compare_group(1, 2, Some(5)),
            compare_group(3, 3, Some(1)),
            compare_group(4, 4, None),
            compare_group(5, 5, Some(0)),
        ];
        let merged = |most| {
            let mut groups = all.to_vec();
            merge(&mut groups, most)?;
            let bounds = groups.iter().map(|group| (group.first, group.last));
            Some(bounds.collect::<Vec<_>>())
        };
        assert_eq!(merged(5).unwrap().len(), 5);
        assert_eq!(merged(3).unwrap(), [(0, 0), (1, 3), (4, 5)]);
        assert_eq!(merged(2).unwrap(), [(0, 3), (4, 5)]);
        assert_eq!(merged(1), None);
    }

    #[test]
    fn entries_that_are_not_written_keep_groups_apart() {
        let mut cache = KeyCache::default();
        for key in ["a/1", "a/2", "a/other", "b/1"] {
            let value = Some(CachedValue {
                modified: 1,
                index: 1,
                temporary_name: None,
            });
            let slot = KeySlot {
                value,
                ..KeySlot::default()
            };
            cache.slots.insert(Key::user(key), slot);
        }
        let write = Write {
            target: Target::Key(Key::user("")),
            before: None,
            put: None,
        };
        let keys = ["a/1", "a/2", "b/1", "c/gone"].map(Key::user);
        let writes = keys.iter().map(|key| GroupedWrite {
            zone: 1,
            key,
            sub: 0,
            write: &write,
        });
        let (groups, alone) = group(&cache, &writes.collect::<Vec<_>>());
        let found: Vec<_> = groups
            .iter()
            .map(|group| (group.first, group.last, group.gap))
            .collect();
        assert_eq!(found, [(0, 1, None), (2, 3, Some(1))]);
        assert!(alone.is_empty());
    }
}
