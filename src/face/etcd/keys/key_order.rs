//! Key order of a commit: its changes in the order of their keys, so that those in a range are found without a look at
//! the others.

use std::ops::{Bound, Range};

use crate::model::{Change, Commit, Key, KeyRange};

/// The changes of a commit, by key.
#[derive(Debug)]
pub(super) struct KeyOrder {
    /// Their positions in the commit; `None` where they are in this order there.
    positions: Option<Vec<usize>>,
}

/// Positions of changes in a commit, in the order of the commit.
#[derive(Clone, Debug)]
pub(super) enum Positions {
    /// All of these.
    All(Range<usize>),
    /// These.
    Some(std::vec::IntoIter<usize>),
}

impl Iterator for Positions {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        match self {
            Self::All(range) => range.next(),
            Self::Some(some) => some.next(),
        }
    }
}

impl KeyOrder {
    /// The order of a commit's changes; costs as much as to sort them.
    pub(super) fn of(commit: &Commit) -> Self {
        let changes = &commit.changes;
        if changes.is_sorted_by(|a, b| a.key <= b.key) {
            return Self { positions: None };
        }
        let mut positions: Vec<usize> = (0..changes.len()).collect();
        positions.sort_by_key(|at| changes.get(*at).map(|change| &change.key));
        Self {
            positions: Some(positions),
        }
    }

    /// The positions of the changes in these ranges, which do not overlap. Costs as much as there are, and a look-up.
    pub(super) fn within(&self, commit: &Commit, ranges: &[KeyRange]) -> Positions {
        if let (None, [range]) = (&self.positions, ranges) {
            return Positions::All(self.range(commit, range));
        }
        let mut within: Vec<usize> = ranges
            .iter()
            .flat_map(|range| self.range(commit, range))
            .filter_map(|place| self.position(place))
            .collect();
        within.sort_unstable();
        Positions::Some(within.into_iter())
    }

    /// Whether one of these is in the ranges.
    pub(super) fn any(
        &self,
        commit: &Commit,
        ranges: &[KeyRange],
        wanted: impl Fn(&Change) -> bool,
    ) -> bool {
        ranges.iter().any(|range| {
            self.range(commit, range)
                .filter_map(|place| commit.changes.get(self.position(place)?))
                .any(&wanted)
        })
    }

    fn position(&self, place: usize) -> Option<usize> {
        match &self.positions {
            None => Some(place),
            Some(positions) => positions.get(place).copied(),
        }
    }

    /// The places of a range in this order.
    fn range(&self, commit: &Commit, range: &KeyRange) -> Range<usize> {
        let (begin, end) = range.bounds();
        let before = |bound: &Bound<Key>, key: &Key, is_end: bool| match bound {
            Bound::Included(bound) => key < bound || (is_end && key == bound),
            Bound::Excluded(bound) => key < bound,
            Bound::Unbounded => is_end,
        };
        self.count_before(commit, |key| before(&begin, key, false))
            ..self.count_before(commit, |key| before(&end, key, true))
    }

    fn count_before(&self, commit: &Commit, before: impl Fn(&Key) -> bool) -> usize {
        let is_before = |at: usize| commit.changes.get(at).is_some_and(|one| before(&one.key));
        match &self.positions {
            None => commit.changes.partition_point(|change| before(&change.key)),
            Some(positions) => positions.partition_point(|at| is_before(*at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Cause;

    fn commit(keys: &[String]) -> Commit {
        let change = |key: &String| Change {
            key: Key::user(key),
            now: None,
            before: None,
        };
        Commit {
            revision: 1,
            cause: Cause::Set,
            subject: None,
            changes: keys.iter().map(change).collect(),
        }
    }

    proptest! {
        #[test]
        fn changes_in_ranges_are_found_in_the_order_of_the_commit(
            keys in proptest::collection::btree_set("[ab/]{1,4}", 0..12),
            shuffled: bool,
            at in "[ab]{1,2}",
        ) {
            let mut keys: Vec<String> = keys.into_iter().collect();
            if shuffled {
                keys.reverse();
            }
            let commit = commit(&keys);
            let order = KeyOrder::of(&commit);
            let node = [KeyRange::Exact(Key::user(&at)), KeyRange::Prefix(Key::user(format!("{at}/")))];
            for ranges in [&node[..], &node[1..], &[KeyRange::Prefix(Key::user(""))]] {
                let expected: Vec<usize> = (0..keys.len())
                    .filter(|at| ranges.iter().any(|range| range.contains(&Key::user(&keys[*at]))))
                    .collect();
                prop_assert_eq!(order.within(&commit, ranges).collect::<Vec<_>>(), expected.clone());
                prop_assert_eq!(order.any(&commit, ranges, |_| true), !expected.is_empty());
            }
        }
    }
}
