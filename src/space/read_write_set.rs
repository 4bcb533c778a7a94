//! Read-write sets: what a decision read and what it writes.

use super::directories::Directory;
use super::span::Span;
use crate::model::{Entry, Key, LeaseId};

/// What a decision looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Depth {
    /// The entries themselves.
    Entries,
    /// Only which keys there are: a write that changes an entry which stays does not matter to it.
    Keys,
}

/// What a change does to a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SpanUse {
    /// Looks at it.
    Reads(Depth),
    /// Reads all of it and writes much of it: whatever others do there matters.
    Writes,
}

impl SpanUse {
    /// Every use there is.
    pub(crate) const ALL: [Self; 3] = [
        Self::Reads(Depth::Entries),
        Self::Reads(Depth::Keys),
        Self::Writes,
    ];
}

/// What a write does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// The entry was there and stays.
    Changes,
    /// It comes or goes.
    ComesOrGoes,
}

impl Effect {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Changes, Self::ComesOrGoes];
}

/// How many writes within a span that is read make it a span that is written.
const MANY_WRITES: usize = 64;

/// The keys and spans a change depends on or touches: two sets clash where one writes what the other reads or writes.
///
/// Each list is in order and has no part of another in it, however often a decision looked at the same keys: locking a set
/// costs as much as it has of these. A change that reads a span and writes much of it, such as a recursive delete, has the
/// span instead of each key: whoever writes there clashes with it anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadWriteSet {
    entries: Vec<Key>,
    spans: Vec<(Span, SpanUse)>,
    writes: Vec<(Key, Effect)>,
    /// Most decisions rest on nothing else.
    rests_on: Option<Box<RestsOn>>,
}

/// What a decision rests on besides entries. It is not locked: who decides outside the critical section compares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RestsOn {
    /// Directories by path, as they were.
    pub(crate) directories: Vec<(String, Directory)>,
    /// Leases of which every lock and every entry was found.
    pub(crate) ended: Vec<LeaseId>,
}

impl RestsOn {
    /// Whether an entry that was written since belongs to a lease that is ended.
    fn is_missing(&self, entry: Option<&Entry>) -> bool {
        let Some(attrs) = entry.map(Entry::attrs) else {
            return false;
        };
        let mut leases = attrs.lock.iter().chain(&attrs.bound);
        leases.any(|lease| self.ended.contains(lease))
    }
}

impl ReadWriteSet {
    /// A set, from what was read and what is to be written, in any order and as often as it happened.
    pub(crate) fn new(reads: Vec<(Span, Depth)>, writes: Vec<(Key, Effect)>) -> Self {
        Self::with_spans_of(MANY_WRITES, reads, writes)
    }

    /// As [`ReadWriteSet::new`]; more than `many` writes within a span make it a span that is written.
    pub(crate) fn with_spans_of(
        many: usize,
        reads: Vec<(Span, Depth)>,
        mut writes: Vec<(Key, Effect)>,
    ) -> Self {
        // Of two writes of a key the one that weighs more counts.
        writes.sort_unstable_by(|(a, x), (b, y)| a.cmp(b).then(y.cmp(x)));
        writes.dedup_by(|(later, _), (kept, _)| later == kept);
        let mut entries = Vec::with_capacity(reads.len());
        let mut spans = Vec::new();
        for (span, depth) in reads {
            if depth == Depth::Entries && span.is_one_key() {
                entries.push(span.into_start());
            } else if span.bounds().is_some() {
                spans.push((span, depth));
            }
        }
        let mut spans = merged(spans);
        let written = |key: &Key| writes.binary_search_by(|(own, _)| own.cmp(key)).is_ok();
        entries.sort_unstable();
        entries.dedup();
        entries.retain(|key| !written(key) && within(&spans, key).is_none());
        if writes.len() > many {
            take_whole(many, &mut spans, &mut writes);
        }
        Self {
            entries,
            spans,
            writes,
            rests_on: None,
        }
    }

    /// The same of a decision that rests on this, too.
    pub(crate) fn resting_on(mut self, rests_on: RestsOn) -> Self {
        self.rests_on = (rests_on != RestsOn::default()).then(|| Box::new(rests_on));
        self
    }

    /// What the decision rests on besides entries.
    pub(crate) fn rests_on(&self) -> Option<&RestsOn> {
        self.rests_on.as_deref()
    }

    /// Whether an entry that was written since belongs to a lease that the decision ends: it did not know of that entry. No
    /// key shows it, as the entry may have been written before the lease's record was.
    pub(crate) fn lacks(&self, entry: Option<&Entry>) -> bool {
        let rests_on = self.rests_on();
        rests_on.is_some_and(|rests_on| rests_on.is_missing(entry))
    }

    /// The single entries that were read, in order, but for those that are written or lie in a span.
    pub(crate) fn entries(&self) -> &[Key] {
        &self.entries
    }

    /// What is used as a whole.
    pub(crate) fn wide(&self) -> &[(Span, SpanUse)] {
        &self.spans
    }

    /// What is to be written, in the order of keys, but for what lies in a span that is written.
    pub(crate) fn writes(&self) -> &[(Key, Effect)] {
        &self.writes
    }

    /// Of how many parts it is.
    pub(crate) fn parts(&self) -> usize {
        self.entries.len() + self.spans.len() + self.writes.len()
    }

    /// Whether it clashes with a write of this key alone.
    pub(crate) fn touched_by(&self, key: &Key, effect: Effect) -> bool {
        let matters = |own: &SpanUse| match own {
            SpanUse::Reads(Depth::Keys) => effect == Effect::ComesOrGoes,
            SpanUse::Reads(Depth::Entries) | SpanUse::Writes => true,
        };
        let written = self.writes.binary_search_by(|(own, _)| own.cmp(key));
        written.is_ok() || self.entries.binary_search(key).is_ok() || self.around(key).any(matters)
    }

    /// Whether one of the two writes what the other reads or writes. Costs a look-up in the other for each part of this one.
    pub(crate) fn clashes(&self, other: &Self) -> bool {
        let (mut entries, mut spans) = (self.entries.iter(), self.spans.iter());
        let mut writes = self.writes.iter();
        writes.any(|(key, effect)| other.touched_by(key, *effect))
            || entries.any(|key| other.is_written(key))
            || spans.any(|(span, own)| other.overlaps(span, *own))
    }

    /// Whether it writes this key.
    fn is_written(&self, key: &Key) -> bool {
        let written = self.writes.binary_search_by(|(own, _)| own.cmp(key));
        written.is_ok() || self.around(key).any(|own| *own == SpanUse::Writes)
    }

    /// Whether it clashes with this use of a span.
    fn overlaps(&self, span: &Span, own: SpanUse) -> bool {
        if span.bounds().is_none() {
            return false;
        }
        let from = self.writes.partition_point(|(key, _)| *key < *span.start());
        let written = self.writes.get(from..).unwrap_or_default();
        let mut written = written.iter().take_while(|(key, _)| span.contains(key));
        let writes = match own {
            SpanUse::Reads(Depth::Keys) => written.any(|own| own.1 == Effect::ComesOrGoes),
            SpanUse::Reads(Depth::Entries) | SpanUse::Writes => written.next().is_some(),
        };
        let from = self.entries.partition_point(|key| *key < *span.start());
        let reads = || self.entries.get(from).is_some_and(|key| span.contains(key));
        // Two spans overlap where one begins in the other.
        let uses = |other: &SpanUse| own == SpanUse::Writes || *other == SpanUse::Writes;
        writes
            || own == SpanUse::Writes && reads()
            || self.around(span.start()).any(uses)
            || self.groups().into_iter().any(|group| {
                let from = group.partition_point(|(other, _)| other.start() < span.start());
                let begin = group.get(from..).unwrap_or_default().iter();
                let mut begin = begin.take_while(|(other, _)| span.contains(other.start()));
                begin.any(|(_, other)| uses(other))
            })
    }

    /// How the spans around a key are used.
    fn around(&self, key: &Key) -> impl Iterator<Item = &SpanUse> {
        self.groups().into_iter().filter_map(move |group| {
            let after = group.partition_point(|(span, _)| *span.start() <= *key);
            let (span, own) = group.get(after.checked_sub(1)?)?;
            span.contains(key).then_some(own)
        })
    }

    /// The spans in two groups: in each they are in order, and have no key in common.
    fn groups(&self) -> [&[(Span, SpanUse)]; 2] {
        let keys = SpanUse::Reads(Depth::Keys);
        let (entries, keys) = self
            .spans
            .split_at(self.spans.partition_point(|(_, own)| *own != keys));
        [entries, keys]
    }
}

/// The spans with those of one depth that overlap joined, the deeper ones first; in order among those of one depth.
fn merged(spans: Vec<(Span, Depth)>) -> Vec<(Span, SpanUse)> {
    let mut spans: Vec<_> = spans
        .into_iter()
        .map(|(span, depth)| (span, SpanUse::Reads(depth)))
        .collect();
    spans.sort_unstable_by(|(a, x), (b, y)| x.cmp(y).then_with(|| a.start().cmp(b.start())));
    spans.dedup_by(|(next, next_use), (kept, own)| next_use == own && kept.absorb(next));
    spans
}

/// The place of the span that reads this entry, if one does.
fn within(spans: &[(Span, SpanUse)], key: &Key) -> Option<usize> {
    let entries = SpanUse::Reads(Depth::Entries);
    let after = spans.partition_point(|(span, own)| *own == entries && *span.start() <= *key);
    let last = after.checked_sub(1)?;
    let (span, _) = spans.get(last)?;
    span.contains(key).then_some(last)
}

/// Makes spans that are written of those with many writes in them. Both are in order, and the spans that read entries have no
/// key in common: what lies in one is found at its ends, however much that is.
fn take_whole(many: usize, spans: &mut [(Span, SpanUse)], writes: &mut Vec<(Key, Effect)>) {
    for (span, own) in spans {
        if *own != SpanUse::Reads(Depth::Entries) {
            continue;
        }
        let from = writes.partition_point(|(key, _)| *key < *span.start());
        let to = writes.partition_point(|(key, _)| *key < *span.start() || span.contains(key));
        if to.saturating_sub(from) > many {
            writes.drain(from..to);
            *own = SpanUse::Writes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use super::*;
    use crate::space::any_span::{beneath, keys, spans};
    use proptest::prelude::*;

    fn key(text: &str) -> Key {
        Key::user(text)
    }

    #[test]
    fn what_was_looked_at_twice_is_in_the_set_once() {
        let looks = [
            (Span::key(&key("a")), Depth::Entries),
            (Span::key(&key("a")), Depth::Entries),
            (Span::key(&key("w")), Depth::Entries),
            (beneath("d/"), Depth::Entries),
            (Span::key(&key("d/x")), Depth::Entries),
            (
                Span::new(&key("d/m"), Bound::Excluded(key("e"))),
                Depth::Entries,
            ),
            (
                Span::new(&key("d/"), Bound::Included(key("d/k"))),
                Depth::Keys,
            ),
        ];
        let changes = (key("w"), Effect::Changes);
        let comes = (key("w"), Effect::ComesOrGoes);
        let set = ReadWriteSet::new(looks.to_vec(), vec![changes, comes.clone()]);
        assert_eq!(set.entries(), [key("a")]);
        let deep = Span::new(&key("d/"), Bound::Excluded(key("e")));
        let flat = Span::new(&key("d/"), Bound::Included(key("d/k")));
        let used = [(deep, Depth::Entries), (flat, Depth::Keys)];
        let used = used.map(|(span, depth)| (span, SpanUse::Reads(depth)));
        assert_eq!(set.wide(), used);
        assert_eq!(set.writes(), [comes]);
    }

    #[test]
    fn a_thousand_steps_of_one_walk_are_one_span() {
        let steps = (0..1_000).map(|step| {
            let from = key(&format!("d/{step:03}"));
            (Span::new(&from, Bound::Excluded(key("d0"))), Depth::Entries)
        });
        let set = ReadWriteSet::new(steps.collect(), Vec::new());
        assert_eq!(set.wide().len(), 1);
    }

    #[test]
    fn a_recursive_delete_is_a_span_however_many_keys_it_deletes() {
        let keys = (0..1_000).map(|place| key(&format!("d/{place:03}")));
        let mut writes: Vec<_> = keys.map(|key| (key, Effect::ComesOrGoes)).collect();
        writes.push((key("d"), Effect::ComesOrGoes));
        let looks = vec![
            (beneath("d/"), Depth::Entries),
            (beneath("e/"), Depth::Entries),
        ];
        let set = ReadWriteSet::new(looks, writes);
        let used = [(beneath("e/"), SpanUse::Reads(Depth::Entries))];
        let mut wide = set.wide().to_vec();
        assert_eq!(wide.remove(0), (beneath("d/"), SpanUse::Writes));
        assert_eq!(wide, used);
        assert_eq!(set.writes(), [(key("d"), Effect::ComesOrGoes)]);
    }

    proptest! {
        #[test]
        fn a_set_reads_what_its_decision_read(
            reads in prop::collection::vec(
                (spans(), prop_oneof![Just(Depth::Entries), Just(Depth::Keys)]), 0..6),
            key in keys(),
        ) {
            let set = ReadWriteSet::new(reads.clone(), Vec::new());
            for depth in [Depth::Entries, Depth::Keys] {
                let read = reads
                    .iter()
                    .any(|(span, own)| *own == depth && span.contains(&key));
                let wide = set
                    .wide()
                    .iter()
                    .any(|(span, own)| *own == SpanUse::Reads(depth) && span.contains(&key));
                let single = depth == Depth::Entries && set.entries().contains(&key);
                prop_assert_eq!(read, wide || single);
            }
        }
    }
}
