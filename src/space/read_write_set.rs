//! Read-write sets: what a decision read and what it writes; and the lock table of those in flight.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use crate::model::Key;

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

    fn contains(&self, key: &Key) -> bool {
        let below = match &self.to {
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        };
        below && self.from <= *key
    }

    /// Its bounds; `None` where it is empty.
    pub(crate) fn bounds(&self) -> Option<(Bound<&Key>, Bound<&Key>)> {
        let empty = match &self.to {
            Bound::Included(to) => *to < self.from,
            Bound::Excluded(to) => *to <= self.from,
            Bound::Unbounded => false,
        };
        (!empty).then_some((Bound::Included(&self.from), self.to.as_ref()))
    }
}

/// What a decision looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Depth {
    /// Only which keys there are: a write that changes an entry which stays does not matter to it.
    Keys,
    /// The entries themselves.
    Entries,
}

/// What a write does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The entry was there and stays.
    Changes,
    /// It comes or goes.
    ComesOrGoes,
}

/// The keys and spans a change depends on or touches.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadWriteSet {
    /// Read to decide.
    pub(crate) reads: Vec<(Span, Depth)>,
    /// To be written.
    pub(crate) writes: Vec<(Key, Effect)>,
}

fn disturbs(effect: Effect, depth: Depth) -> bool {
    effect == Effect::ComesOrGoes || depth == Depth::Entries
}

impl ReadWriteSet {
    /// Whether a write of a key clashes with it.
    pub(crate) fn touched_by(&self, key: &Key, effect: Effect) -> bool {
        let written = self.writes.binary_search_by(|(own, _)| own.cmp(key));
        written.is_ok()
            || self
                .reads
                .iter()
                .any(|(span, depth)| disturbs(effect, *depth) && span.contains(key))
    }

    /// The bounds of everything that was read or will be written.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (Bound<&Key>, Bound<&Key>)> {
        let read = self.reads.iter().filter_map(|(span, _)| span.bounds());
        let written = self.writes.iter().map(|(key, _)| {
            let bound = Bound::Included(key);
            (bound, bound)
        });
        read.chain(written)
    }

    /// Whether one writes what the other reads or writes.
    pub(crate) fn clashes(&self, other: &Self) -> bool {
        self.disturbs(other) || other.disturbs(self)
    }

    fn disturbs(&self, other: &Self) -> bool {
        self.writes.iter().any(|(key, effect)| {
            other.writes.iter().any(|(written, _)| written == key)
                || other
                    .reads
                    .iter()
                    .any(|(span, depth)| disturbs(*effect, *depth) && span.contains(key))
        })
    }
}

/// The read-write sets of the changes that are in flight.
///
/// Two of them never clash: neither writes what the other reads or writes.
#[derive(Debug, Default)]
pub(crate) struct LockTable {
    writes: BTreeMap<Key, Effect>,
    /// Reads of single entries, which most are, with how many hold each.
    entries: HashMap<Key, usize>,
    /// All other reads, likewise. Changes under the same directories share most of theirs.
    spans: HashMap<(Span, Depth), usize>,
}

impl LockTable {
    /// Whether the read-write set clashes with one that is held.
    pub(crate) fn clashes(&self, set: &ReadWriteSet) -> bool {
        set.reads
            .iter()
            .any(|(span, depth)| self.disturbed(span, *depth))
            || set
                .writes
                .iter()
                .any(|(key, effect)| self.disturbs(key, *effect))
    }

    fn disturbed(&self, span: &Span, depth: Depth) -> bool {
        span.bounds().is_some_and(|bounds| {
            self.writes
                .range(bounds)
                .any(|(_, effect)| disturbs(*effect, depth))
        })
    }

    fn disturbs(&self, key: &Key, effect: Effect) -> bool {
        self.writes.contains_key(key)
            || self.entries.contains_key(key)
            || self
                .spans
                .keys()
                .any(|(span, depth)| disturbs(effect, *depth) && span.contains(key))
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.entries.is_empty() && self.spans.is_empty()
    }

    /// Holds a read-write set until [`LockTable::release`].
    pub(crate) fn hold(&mut self, set: &ReadWriteSet) {
        for (span, depth) in &set.reads {
            match single(span, *depth) {
                Some(key) => *self.entries.entry(key.clone()).or_default() += 1,
                None => *self.spans.entry((span.clone(), *depth)).or_default() += 1,
            }
        }
        self.writes.extend(set.writes.iter().cloned());
    }

    /// Lets go of a read-write set that was held.
    pub(crate) fn release(&mut self, set: &ReadWriteSet) {
        for (span, depth) in &set.reads {
            match single(span, *depth) {
                Some(key) => let_go(&mut self.entries, key),
                None => let_go(&mut self.spans, &(span.clone(), *depth)),
            }
        }
        for (key, _) in &set.writes {
            self.writes.remove(key);
        }
    }
}

/// The key, where one entry was read.
fn single(span: &Span, depth: Depth) -> Option<&Key> {
    let one = span.to == Bound::Included(span.from.clone()) && depth == Depth::Entries;
    one.then_some(&span.from)
}

fn let_go<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(span: Span, depth: Depth) -> ReadWriteSet {
        ReadWriteSet {
            reads: vec![(span, depth)],
            writes: Vec::new(),
        }
    }

    fn beneath(prefix: &str, depth: Depth) -> ReadWriteSet {
        let prefix = Key::user(prefix);
        let end = prefix
            .prefix_end()
            .map_or(Bound::Unbounded, Bound::Excluded);
        reads(Span::new(&prefix, end), depth)
    }

    fn writes(key: &str, effect: Effect) -> ReadWriteSet {
        let key = Key::user(key);
        ReadWriteSet {
            reads: vec![(Span::key(&key), Depth::Entries)],
            writes: vec![(key, effect)],
        }
    }

    /// Both ways of asking agree: of one read-write set against another, and against those held.
    fn clash(held: &ReadWriteSet, other: &ReadWriteSet) -> bool {
        let mut all = LockTable::default();
        all.hold(held);
        let clash = all.clashes(other);
        assert_eq!(clash, held.clashes(other));
        all.release(held);
        assert!(!all.clashes(other) && all.entries.is_empty() && all.spans.is_empty());
        clash
    }

    #[test]
    fn only_sets_that_include_a_written_key_conflict() {
        let write = writes("a/b", Effect::Changes);
        assert!(clash(&write, &writes("a/b", Effect::Changes)));
        assert!(clash(&write, &beneath("a/", Depth::Entries)));
        assert!(clash(
            &write,
            &reads(Span::key(&Key::user("a/b")), Depth::Entries)
        ));
        assert!(!clash(&write, &writes("a/c", Effect::ComesOrGoes)));
        assert!(!clash(&write, &beneath("b/", Depth::Entries)));
    }

    #[test]
    fn reads_do_not_conflict_with_reads_but_with_writes() {
        let tree = beneath("a/", Depth::Entries);
        assert!(!clash(&tree, &tree));
        assert!(clash(&tree, &writes("a/new", Effect::ComesOrGoes)));
    }

    #[test]
    fn key_only_reads_do_not_conflict_with_new_values() {
        let exists = beneath("a/", Depth::Keys);
        assert!(!clash(&exists, &writes("a/b", Effect::Changes)));
        assert!(clash(&exists, &writes("a/b", Effect::ComesOrGoes)));
        assert!(!clash(&writes("a/b", Effect::Changes), &exists));
        assert!(clash(&writes("a/b", Effect::ComesOrGoes), &exists));
    }
}
