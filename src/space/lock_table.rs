//! Lock table: the read-write sets of the changes that are in flight, and of those that wait for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::prefix_map::PrefixMap;
use super::read_write_set::{Depth, Effect, ReadWriteSet, Span, SpanUse};
use crate::model::Key;

/// How many changes one waits for, that it knows of: more are found when these are gone.
const MAX_BLOCKERS: usize = 64;

/// The number of a change in the order in which changes came.
pub(crate) type TicketNumber = u64;

/// Whether a change has its locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockState {
    /// It is in flight.
    Held,
    /// It waits for its turn.
    Waiting,
}

/// Who reads and writes what, by key, so that a change finds those it clashes with by a look-up for each part of its set,
/// however many others there are.
///
/// Two sets that are held never clash: neither writes what the other reads or writes.
#[derive(Debug, Default)]
pub(crate) struct LockTable {
    writes: BTreeMap<Key, LockUsers<Effect>>,
    /// Reads of single entries, which most are.
    entries: BTreeMap<Key, LockUsers<()>>,
    /// All else, by what all keys of a span begin with. Changes under the same directories share most of theirs.
    spans: PrefixMap<HashMap<Span, LockUsers<SpanUse>>>,
    /// The same by the starts of the spans.
    starts: BTreeMap<Key, LockUsers<SpanUse>>,
    /// How many spans are written.
    wide_writes: usize,
    /// Look-ups and comparisons so far.
    #[cfg(test)]
    steps: std::cell::Cell<usize>,
}

/// The changes that use one key, or one span, in their ways `M`: mostly there is just one.
#[derive(Debug)]
enum LockUsers<M> {
    One(M, TicketNumber, LockState),
    Many(Box<LockQueues<M>>),
}

#[derive(Debug)]
struct LockQueues<M> {
    held: BTreeSet<(M, TicketNumber)>,
    waiting: BTreeSet<(M, TicketNumber)>,
}

impl LockTable {
    /// The changes that a set clashes with, some of them where there are many: those in flight, and those that wait and came
    /// before `number`. Where there are none, the set clashes with nothing.
    pub(crate) fn blockers(&self, set: &ReadWriteSet, number: TicketNumber) -> Vec<TicketNumber> {
        let mut found = Blockers {
            number,
            all: Vec::new(),
            #[cfg(test)]
            steps: 0,
        };
        // Wide uses first: they find most of what single keys beneath them would find one by one.
        let wide = set.wide().iter();
        let _full = wide
            .map(|(span, own)| (span, *own))
            .try_for_each(|(span, own)| self.block_span(span, own, &mut found))
            .and_then(|()| {
                let mut entries = set.entries().iter();
                entries.try_for_each(|key| self.block_read(key, &mut found))
            })
            .and_then(|()| {
                let mut writes = set.writes().iter();
                writes.try_for_each(|(key, effect)| self.block_write(key, *effect, &mut found))
            });
        #[cfg(test)]
        self.steps.set(self.steps.get() + found.steps);
        found.all
    }

    fn block_span(&self, span: &Span, own: SpanUse, found: &mut Blockers) -> Option<()> {
        let Some(bounds) = span.bounds() else {
            return Some(());
        };
        let written = self.writes.range(bounds).map(|(_, users)| users);
        let (effects, uses): (&[Effect], &[SpanUse]) = match own {
            SpanUse::Reads(Depth::Keys) => (&[Effect::ComesOrGoes], &[SpanUse::Writes]),
            SpanUse::Reads(Depth::Entries) => (&Effect::ALL, &[SpanUse::Writes]),
            SpanUse::Writes => (&Effect::ALL, &SpanUse::ALL),
        };
        found.add_users(written, effects)?;
        if own == SpanUse::Writes {
            let read = self.entries.range(bounds).map(|(_, users)| users);
            found.add_users(read, &[()])?;
        } else if self.wide_writes == 0 {
            return Some(());
        }
        // Two spans overlap where one begins in the other.
        let starts = self.starts.range(bounds).map(|(_, users)| users);
        found.add_users(starts, uses)?;
        self.block_around(span.start(), uses, found)
    }

    fn block_read(&self, key: &Key, found: &mut Blockers) -> Option<()> {
        found.add_users(self.writes.get(key).into_iter(), &Effect::ALL)?;
        if self.wide_writes == 0 {
            return Some(());
        }
        self.block_around(key, &[SpanUse::Writes], found)
    }

    fn block_write(&self, key: &Key, effect: Effect, found: &mut Blockers) -> Option<()> {
        found.add_users(self.writes.get(key).into_iter(), &Effect::ALL)?;
        found.add_users(self.entries.get(key).into_iter(), &[()])?;
        if self.starts.is_empty() {
            return Some(());
        }
        let deep = SpanUse::Reads(Depth::Entries);
        let uses: &[SpanUse] = match effect {
            Effect::Changes => &[deep, SpanUse::Writes],
            Effect::ComesOrGoes => &SpanUse::ALL,
        };
        self.block_around(key, uses, found)
    }

    /// Adds those who use a span around the key in one of these ways.
    fn block_around(&self, key: &Key, uses: &[SpanUse], found: &mut Blockers) -> Option<()> {
        let full = self.spans.find_on_way(key, |spans| {
            let mut around = spans.iter().filter(|(span, _)| span.contains(key));
            let blocked =
                around.try_for_each(|(_, users)| found.add_users(std::iter::once(users), uses));
            blocked.is_none().then_some(())
        });
        full.is_none().then_some(())
    }

    /// Enters a set. One that is held clashes with none that is.
    pub(crate) fn add(&mut self, set: &ReadWriteSet, number: TicketNumber, state: LockState) {
        for key in set.entries() {
            enter(&mut self.entries, key, (), number, state);
        }
        for (span, own) in set.wide() {
            enter(&mut self.starts, span.start(), *own, number, state);
            self.wide_writes += usize::from(*own == SpanUse::Writes);
            for prefix in span.prefixes() {
                if self.spans.get_mut(&prefix).is_none() {
                    self.spans.insert(&prefix, HashMap::new());
                }
                let Some(spans) = self.spans.get_mut(&prefix) else {
                    continue;
                };
                match spans.get_mut(span) {
                    Some(users) => users.add(*own, number, state),
                    None => {
                        spans.insert(span.clone(), LockUsers::One(*own, number, state));
                    }
                }
            }
        }
        for (key, effect) in set.writes() {
            #[cfg(test)]
            self.step();
            enter(&mut self.writes, key, *effect, number, state);
        }
    }

    /// Gives a set that waits its locks.
    pub(crate) fn hold(&mut self, set: &ReadWriteSet, number: TicketNumber) {
        for key in set.entries() {
            hold(self.entries.get_mut(key), (), number);
        }
        for (span, own) in set.wide() {
            hold(self.starts.get_mut(span.start()), *own, number);
            for prefix in span.prefixes() {
                let spans = self.spans.get_mut(&prefix);
                hold(spans.and_then(|spans| spans.get_mut(span)), *own, number);
            }
        }
        for (key, effect) in set.writes() {
            #[cfg(test)]
            self.step();
            hold(self.writes.get_mut(key), *effect, number);
        }
    }

    /// Removes a set that waits or is held.
    pub(crate) fn remove(&mut self, set: &ReadWriteSet, number: TicketNumber) {
        for key in set.entries() {
            leave(&mut self.entries, key, (), number);
        }
        for (span, own) in set.wide() {
            leave(&mut self.starts, span.start(), *own, number);
            self.wide_writes -= usize::from(*own == SpanUse::Writes);
            for prefix in span.prefixes() {
                let Some(spans) = self.spans.get_mut(&prefix) else {
                    continue;
                };
                if spans
                    .get_mut(span)
                    .is_some_and(|users| users.remove(*own, number))
                {
                    spans.remove(span);
                }
                if spans.is_empty() {
                    self.spans.remove(&prefix);
                }
            }
        }
        for (key, effect) in set.writes() {
            #[cfg(test)]
            self.step();
            leave(&mut self.writes, key, *effect, number);
        }
    }

    /// Counts a look-up or a comparison.
    #[cfg(test)]
    fn step(&self) {
        self.steps.set(self.steps.get() + 1);
    }

    /// How many look-ups and comparisons there were since this was asked last.
    #[cfg(test)]
    pub(crate) fn take_steps(&self) -> usize {
        self.steps.take()
    }

    /// Whether no change is in flight and none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.entries.is_empty() && self.starts.is_empty()
    }
}

fn enter<M: Copy + Ord>(
    all: &mut BTreeMap<Key, LockUsers<M>>,
    key: &Key,
    mode: M,
    number: TicketNumber,
    state: LockState,
) {
    match all.get_mut(key) {
        Some(users) => users.add(mode, number, state),
        None => {
            all.insert(key.clone(), LockUsers::One(mode, number, state));
        }
    }
}

fn hold<M: Copy + Ord>(users: Option<&mut LockUsers<M>>, mode: M, number: TicketNumber) {
    if let Some(users) = users {
        users.hold(mode, number);
    }
}

fn leave<M: Copy + Ord>(
    all: &mut BTreeMap<Key, LockUsers<M>>,
    key: &Key,
    mode: M,
    number: TicketNumber,
) {
    if all
        .get_mut(key)
        .is_some_and(|users| users.remove(mode, number))
    {
        all.remove(key);
    }
}

impl<M: Copy + Ord> LockUsers<M> {
    fn add(&mut self, mode: M, number: TicketNumber, state: LockState) {
        if let Self::One(own, first, first_state) = *self {
            let mut queues = LockQueues {
                held: BTreeSet::new(),
                waiting: BTreeSet::new(),
            };
            queues.of(first_state).insert((own, first));
            *self = Self::Many(Box::new(queues));
        }
        if let Self::Many(queues) = self {
            queues.of(state).insert((mode, number));
        }
    }

    /// Gives one that waits its lock.
    fn hold(&mut self, mode: M, number: TicketNumber) {
        match self {
            Self::One(_, _, state) => *state = LockState::Held,
            Self::Many(queues) => {
                queues.waiting.remove(&(mode, number));
                queues.held.insert((mode, number));
            }
        }
    }

    /// Says whether nobody is left.
    fn remove(&mut self, mode: M, number: TicketNumber) -> bool {
        match self {
            Self::One(..) => true,
            Self::Many(queues) => {
                queues.held.remove(&(mode, number));
                queues.waiting.remove(&(mode, number));
                queues.held.is_empty() && queues.waiting.is_empty()
            }
        }
    }

    /// The one that came last of those in flight and those that wait and came before `number`. One that waits is behind all
    /// of them that it clashes with, so it stands for those before it.
    fn latest(&self, mode: M, number: TicketNumber) -> Option<TicketNumber> {
        match self {
            Self::One(own, first, state) => {
                let blocks = *own == mode && (*state == LockState::Held || *first < number);
                blocks.then_some(*first)
            }
            Self::Many(queues) => {
                let last = |queue: &BTreeSet<(M, TicketNumber)>, end| {
                    let mut before = queue.range((mode, 0)..(mode, end));
                    before.next_back().map(|(_, last)| *last)
                };
                last(&queues.waiting, number).max(last(&queues.held, TicketNumber::MAX))
            }
        }
    }
}

impl<M: Ord> LockQueues<M> {
    fn of(&mut self, state: LockState) -> &mut BTreeSet<(M, TicketNumber)> {
        match state {
            LockState::Held => &mut self.held,
            LockState::Waiting => &mut self.waiting,
        }
    }
}

/// The changes that block the one with this number, each once.
struct Blockers {
    number: TicketNumber,
    all: Vec<TicketNumber>,
    #[cfg(test)]
    steps: usize,
}

impl Blockers {
    /// Adds those of the users who do one of these; `None` where there are enough.
    fn add_users<'a, M: Copy + Ord + 'a>(
        &mut self,
        mut users: impl Iterator<Item = &'a LockUsers<M>>,
        modes: &[M],
    ) -> Option<()> {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        users.try_for_each(|users| {
            #[cfg(test)]
            {
                self.steps += 1;
            }
            for mode in modes {
                self.add(users.latest(*mode, self.number));
            }
            (self.all.len() < MAX_BLOCKERS).then_some(())
        })
    }

    fn add(&mut self, number: Option<TicketNumber>) {
        if let Some(number) = number.filter(|number| !self.all.contains(number)) {
            self.all.push(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ops::Bound;

    fn beneath(prefix: &str, depth: Depth) -> ReadWriteSet {
        let prefix = Key::user(prefix);
        let end = prefix
            .prefix_end()
            .map_or(Bound::Unbounded, Bound::Excluded);
        ReadWriteSet::new(vec![(Span::new(&prefix, end), depth)], Vec::new())
    }

    fn reads(key: &str) -> ReadWriteSet {
        let span = Span::key(&Key::user(key));
        ReadWriteSet::new(vec![(span, Depth::Entries)], Vec::new())
    }

    fn writes(key: &str, effect: Effect) -> ReadWriteSet {
        let key = Key::user(key);
        let read = (Span::key(&key), Depth::Entries);
        ReadWriteSet::new(vec![read], vec![(key, effect)])
    }

    fn clash(held: &ReadWriteSet, other: &ReadWriteSet) -> bool {
        let mut all = LockTable::default();
        all.add(held, 1, LockState::Held);
        let clash = !all.blockers(other, 2).is_empty();
        all.remove(held, 1);
        assert!(all.blockers(other, 2).is_empty() && all.is_empty());
        assert_eq!(all.wide_writes, 0);
        clash
    }

    /// A change that reads all beneath a prefix and writes much of it.
    fn rewrites(prefix: &str) -> ReadWriteSet {
        let key = Key::user(prefix);
        let end = key.prefix_end().map_or(Bound::Unbounded, Bound::Excluded);
        let read = (Span::new(&key, end), Depth::Entries);
        ReadWriteSet::with_spans_of(0, vec![read], vec![(key, Effect::ComesOrGoes)])
    }

    #[test]
    fn only_sets_that_include_a_written_key_conflict() {
        let write = writes("a/b", Effect::Changes);
        assert!(clash(&write, &writes("a/b", Effect::Changes)));
        assert!(clash(&write, &beneath("a/", Depth::Entries)));
        assert!(clash(&write, &reads("a/b")));
        assert!(clash(&reads("a/b"), &write));
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
    fn a_span_that_is_written_conflicts_with_every_use_of_anything_in_it() {
        let delete = rewrites("a/");
        for other in [
            reads("a/b"),
            writes("a/b", Effect::Changes),
            beneath("a/b/", Depth::Entries),
            beneath("a/b/", Depth::Keys),
            beneath("a/", Depth::Keys),
            beneath("", Depth::Entries),
            beneath("", Depth::Keys),
            rewrites("a/b/"),
            rewrites("a/"),
            rewrites(""),
        ] {
            assert!(clash(&delete, &other), "{other:?}");
            assert!(clash(&other, &delete), "{other:?}");
        }
        for other in [
            reads("a"),
            writes("b", Effect::ComesOrGoes),
            beneath("a0", Depth::Entries),
            rewrites("b/"),
        ] {
            assert!(!clash(&delete, &other), "{other:?}");
            assert!(!clash(&other, &delete), "{other:?}");
        }
    }

    #[test]
    fn key_only_reads_do_not_conflict_with_new_values() {
        let exists = beneath("a/", Depth::Keys);
        assert!(!clash(&exists, &writes("a/b", Effect::Changes)));
        assert!(clash(&exists, &writes("a/b", Effect::ComesOrGoes)));
        assert!(!clash(&writes("a/b", Effect::Changes), &exists));
        assert!(clash(&writes("a/b", Effect::ComesOrGoes), &exists));
    }

    #[test]
    fn a_write_beside_ten_thousand_wide_reads_looks_at_those_it_may_lie_in() {
        let mut table = LockTable::default();
        for number in 1..=10_000 {
            let read = beneath(&format!("tree/{number}/"), Depth::Entries);
            table.add(&read, number, LockState::Held);
        }
        table.take_steps();
        let write = writes("tree/777/k", Effect::Changes);
        assert_eq!(table.blockers(&write, TicketNumber::MAX), [777]);
        let steps = table.take_steps();
        assert!(steps < 20, "{steps}");
    }

    type Looks = (Vec<(Span, Depth)>, Vec<(Key, Effect)>);

    fn keys() -> impl Strategy<Value = Key> {
        let bytes = prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(255)], 0..4);
        bytes.prop_map(Key::user)
    }

    fn looks() -> impl Strategy<Value = Looks> {
        let end = prop_oneof![
            keys().prop_map(|key| key.prefix_end().map_or(Bound::Unbounded, Bound::Excluded)),
            keys().prop_map(Bound::Included),
            Just(Bound::Unbounded),
        ];
        let span = (keys(), end).prop_map(|(from, to)| Span::new(&from, to));
        let span = prop_oneof![span, keys().prop_map(|key| Span::key(&key))];
        let depth = prop_oneof![Just(Depth::Entries), Just(Depth::Keys)];
        let effect = prop_oneof![Just(Effect::Changes), Just(Effect::ComesOrGoes)];
        (
            prop::collection::vec((span, depth), 0..4),
            prop::collection::vec((keys(), effect), 0..3),
        )
    }

    /// By the definition: pair by pair.
    fn clash_by_pairs((reads, writes): &Looks, (others_reads, others_writes): &Looks) -> bool {
        let disturbs = |writes: &[(Key, Effect)], reads: &[(Span, Depth)]| {
            writes.iter().any(|(key, effect)| {
                let read = |(span, depth): &(Span, Depth)| {
                    let disturbs = *effect == Effect::ComesOrGoes || *depth == Depth::Entries;
                    disturbs && span.contains(key)
                };
                reads.iter().any(read)
            })
        };
        let both = |(key, _): &(Key, Effect)| others_writes.iter().any(|(other, _)| other == key);
        writes.iter().any(both) || disturbs(writes, others_reads) || disturbs(others_writes, reads)
    }

    proptest! {
        #[test]
        fn finds_a_clash_where_a_comparison_by_pairs_does(
            others in prop::collection::vec((looks(), any::<bool>()), 0..8),
            own in looks(),
            place in 0_u64..9,
            many in prop_oneof![Just(0_usize), Just(1), Just(64)],
        ) {
            let set = |(reads, writes): &Looks| {
                ReadWriteSet::with_spans_of(many, reads.clone(), writes.clone())
            };
            let mut table = LockTable::default();
            let mut expected = false;
            for (number, (other, held)) in (0..).zip(&others) {
                let state = if *held { LockState::Held } else { LockState::Waiting };
                table.add(&set(other), number, state);
                expected |= (*held || number < place) && clash_by_pairs(other, &own);
            }
            let found = table.blockers(&set(&own), place);
            prop_assert!(!found.is_empty() || !expected);
            // A span that is written stands for more than the keys that are.
            prop_assert!(many < 64 || found.is_empty() || expected);
            for number in found {
                let (other, held) = &others[usize::try_from(number).unwrap()];
                prop_assert!(*held || number < place);
                prop_assert!(many < 64 || clash_by_pairs(other, &own));
            }
            for (number, (other, _)) in (0..).zip(&others) {
                table.remove(&set(other), number);
            }
            prop_assert!(table.is_empty());
        }
    }
}
