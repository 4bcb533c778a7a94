//! Last changes: the oldest missed ones among the last change of each key, found in one walk that can be interrupted.

use std::collections::BinaryHeap;
use std::ops::RangeInclusive;

use super::watch_scope::WatchScope;
use crate::model::{DirMark, Entry, Key, KeyRange};
use crate::space::View;

/// The most changes that one walk finds.
pub(super) const MAX_FOUND: usize = 16_384;

/// The most bytes of keys that one walk finds, beside the first of them.
const MAX_BYTES: usize = 1 << 20;

/// The last change of a key, in the order in which they happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LastChange {
    /// The index of the commit.
    pub(super) index: u64,
    /// The key.
    pub(super) key: Key,
    /// Whether the key was deleted.
    pub(super) deleted: bool,
}

/// The oldest changes that a walk found.
#[derive(Debug)]
pub(super) struct FoundChanges {
    /// In the order in which they happened.
    pub(super) changes: Vec<LastChange>,
    /// Whether there are more behind them.
    pub(super) more: bool,
}

/// A walk over all keys of a scope, in steps of bounded size, that keeps the oldest changes within a range of indexes.
#[derive(Debug)]
pub(super) struct LastChangesWalk {
    view: View,
    within: RangeInclusive<u64>,
    /// What earlier walks found ends here.
    after: Option<(u64, Key)>,
    most: usize,
    /// The parts still to be walked, the next one last.
    parts: Vec<WalkPart>,
    oldest: BinaryHeap<LastChange>,
    /// The bytes of their keys.
    bytes: usize,
    /// The oldest change for which there was no room. None that is newer is kept, or the next walk would miss it.
    cut: Option<LastChange>,
    walked: u64,
}

#[derive(Debug)]
struct WalkPart {
    range: KeyRange,
    /// The walk goes on here.
    from: Key,
    deletions: bool,
}

impl LastChangesWalk {
    /// A walk that finds at most so many changes of the scope `within` these indexes and `after` this one.
    pub(super) fn new(
        view: View,
        scope: &WatchScope,
        within: RangeInclusive<u64>,
        after: Option<(u64, Key)>,
        most: usize,
    ) -> Self {
        let parts = scope.own_ranges().into_iter().flat_map(|range| {
            [true, false].map(|deletions| {
                let (KeyRange::Exact(from) | KeyRange::Prefix(from)) = &range;
                WalkPart {
                    from: from.clone(),
                    range: range.clone(),
                    deletions,
                }
            })
        });
        Self {
            view,
            within,
            after,
            most: most.clamp(1, MAX_FOUND),
            parts: parts.collect(),
            oldest: BinaryHeap::new(),
            bytes: 0,
            cut: None,
            walked: 0,
        }
    }

    /// Walks on over at most `most` keys; says whether the walk is finished.
    pub(super) fn walk(&mut self, scope: &WatchScope, most: usize) -> bool {
        let view = self.view.clone();
        let mut left = most;
        while let Some(part) = self.parts.pop() {
            if left == 0 {
                self.parts.push(part);
                return false;
            }
            let next = if part.deletions {
                let deletions = view.deletions_from(&part.range, &part.from);
                let changes = deletions.map(|(key, index)| (key, Some(index), true));
                self.take(changes, scope, &mut left)
            } else {
                // Nobody wrote an implied directory.
                let written = |entry: &Entry| {
                    (entry.attrs().dir != DirMark::Implied).then_some(entry.index())
                };
                let entries = view.nodes_in(&part.range, &part.from);
                let changes = entries.map(|(key, entry)| (key, written(entry), false));
                self.take(changes, scope, &mut left)
            };
            if let Some(from) = next {
                self.parts.push(WalkPart { from, ..part });
                return false;
            }
        }
        true
    }

    /// Looks at as many changes as are `left`; returns the key at which to go on.
    fn take<'a>(
        &mut self,
        changes: impl Iterator<Item = (&'a Key, Option<u64>, bool)>,
        scope: &WatchScope,
        left: &mut usize,
    ) -> Option<Key> {
        for (key, index, deleted) in changes {
            let Some(rest) = left.checked_sub(1) else {
                return Some(key.clone());
            };
            *left = rest;
            self.walked += 1;
            if let Some(index) = index
                && self.is_missed(index, key)
                && key.node().is_some_and(|path| scope.covers(path))
            {
                self.keep(LastChange {
                    index,
                    key: key.clone(),
                    deleted,
                });
            }
        }
        None
    }

    fn is_missed(&self, index: u64, key: &Key) -> bool {
        let is_new = |(last, last_key): &(u64, Key)| (index, key) > (*last, last_key);
        self.within.contains(&index) && self.after.as_ref().is_none_or(is_new)
    }

    fn keep(&mut self, change: LastChange) {
        if self.cut.as_ref().is_some_and(|cut| change >= *cut) {
            return;
        }
        self.bytes += change.key.as_bytes().len();
        self.oldest.push(change);
        while self.oldest.len() > self.most || (self.bytes > MAX_BYTES && self.oldest.len() > 1) {
            let Some(newest) = self.oldest.pop() else {
                return;
            };
            self.bytes -= newest.key.as_bytes().len();
            self.cut = Some(newest);
        }
    }

    /// What a finished walk found.
    pub(super) fn found(self) -> FoundChanges {
        FoundChanges {
            changes: self.oldest.into_sorted_vec(),
            more: self.cut.is_some(),
        }
    }

    /// How many keys the walk has looked at.
    #[cfg(test)]
    pub(super) fn walked(&self) -> u64 {
        self.walked
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::guard::memory_keyspace;
    use crate::model::Caller;
    use crate::space::Keyspace;

    /// Puts or deletes keys in one commit.
    async fn change(space: &Keyspace, keys: &[&str], delete: bool) {
        let decide = |draft: &mut crate::space::Draft<'_>| {
            for key in keys {
                let key = Key::user(key);
                if delete {
                    draft.delete(&key);
                } else {
                    let record = draft.successor(&key);
                    draft.put(&key, record);
                }
            }
            Ok::<_, Infallible>(())
        };
        space.commit(&Caller::System, decide).await.unwrap();
    }

    fn scope(path: &str, recursive: bool) -> WatchScope {
        WatchScope {
            path: path.to_owned(),
            recursive,
        }
    }

    /// All changes, found by walks of so many changes each, in steps of so many keys.
    fn found(view: &View, scope: &WatchScope, most: usize, step: usize) -> Vec<(u64, String)> {
        let mut found: Vec<LastChange> = Vec::new();
        loop {
            let after = found.last().map(|last| (last.index, last.key.clone()));
            let within = 2..=view.revision();
            let mut walk = LastChangesWalk::new(view.clone(), scope, within, after, most);
            while !walk.walk(scope, step) {}
            let part = walk.found();
            assert!(part.changes.len() <= most);
            found.extend(part.changes);
            if !part.more {
                break;
            }
        }
        let shown = |change: &LastChange| {
            let sign = if change.deleted { "-" } else { "+" };
            (
                change.index,
                format!("{sign}{}", change.key.as_str().unwrap()),
            )
        };
        found.iter().map(shown).collect()
    }

    #[tokio::test]
    async fn walks_of_any_size_find_the_last_change_of_each_key_in_order() {
        let space = memory_keyspace(u64::MAX).await;
        change(&space, &["t/b", "t/a", "other"], false).await;
        change(&space, &["t/c/d", "t/_hidden", "t/c/", "t"], false).await;
        change(&space, &["t/a", "t/c/d"], true).await;
        change(&space, &["t/b", "t/e"], false).await;
        let view = space.read(&Caller::System);
        let expected = [
            (3, "+t"),
            (3, "+t/c/"),
            (4, "-t/a"),
            (4, "-t/c/d"),
            (5, "+t/b"),
            (5, "+t/e"),
        ];
        let expected = expected.map(|(index, key)| (index, key.to_owned()));
        for most in 1..=8 {
            for step in 1..=9 {
                assert_eq!(found(&view, &scope("t", true), most, step), expected);
            }
        }
        assert_eq!(found(&view, &scope("t", false), 1, 1), expected[..1]);
        assert_eq!(found(&view, &scope("", false), 1, 1), []);
    }

    #[tokio::test]
    async fn a_walk_for_one_node_looks_at_its_own_keys_alone() {
        let space = memory_keyspace(u64::MAX).await;
        let keys: Vec<String> = (0..500).map(|number| format!("t/{number}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        change(&space, &keys, false).await;
        let view = space.read(&Caller::System);
        for (recursive, most_walked) in [(false, 2), (true, 500)] {
            let scope = scope("t", recursive);
            let mut walk = LastChangesWalk::new(view.clone(), &scope, 1..=9, None, 10);
            while !walk.walk(&scope, 64) {}
            assert!(walk.walked() <= most_walked, "{}", walk.walked());
        }
    }

    #[tokio::test]
    async fn a_walk_keeps_few_bytes_of_long_keys_and_the_next_finds_the_others() {
        let space = memory_keyspace(u64::MAX).await;
        let long = "x".repeat(4_000);
        let keys: Vec<String> = (0..300)
            .map(|number| format!("t/{number:03}{long}"))
            .collect();
        for key in keys.iter().rev() {
            change(&space, &[key], false).await;
        }
        let view = space.read(&Caller::System);
        let scope = scope("t", true);
        let within = 1..=view.revision();
        let mut walk = LastChangesWalk::new(view.clone(), &scope, within, None, MAX_FOUND);
        while !walk.walk(&scope, 64) {}
        let part = walk.found();
        let kept: usize = part
            .changes
            .iter()
            .map(|change| change.key.as_bytes().len())
            .sum();
        assert!(part.more && kept <= MAX_BYTES, "{kept}");
        let found = found(&view, &scope, MAX_FOUND, 64);
        let expected = keys.iter().rev().map(|key| format!("+{key}"));
        assert!(found.into_iter().map(|(_, key)| key).eq(expected));
    }
}
