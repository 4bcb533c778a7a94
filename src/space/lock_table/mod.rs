//! Lock table: the read-write sets of the changes that are in flight, and of those that wait for them.

mod blockers;
mod compared;
mod lock_users;
mod locked_set;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use self::blockers::Blockers;
pub(crate) use self::compared::Compared;
pub(crate) use self::lock_users::{LockState, TicketNumber};
use self::lock_users::{LockUsers, enter, hold, leave};
use self::locked_set::{LockedSet, LockedSets};
use super::prefix_map::PrefixMap;
use super::read_write_set::{Depth, Effect, ReadWriteSet, SpanUse};
use super::span::Span;
use crate::model::Key;

/// Who reads and writes what, by key, so that a change finds those it clashes with by a look-up for each part of its set,
/// however many others there are.
///
/// Two sets that are held never clash: neither writes what the other reads or writes.
///
/// A set of many parts is kept as a whole, so that it is entered, held and removed in one step. Others find it by a look-up in it
/// for each of their parts; with another of its kind it is compared before the critical section is entered ([`Compared`]).
#[derive(Debug, Default)]
pub(crate) struct LockTable {
    /// The sets of few parts, whose parts are below, and how many these are together.
    short: LockedSets,
    short_parts: usize,
    /// The sets of many parts.
    long: LockedSets,
    short_most: ShortMost,
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

/// The parts of a set beyond which it is kept as a whole.
#[derive(Debug)]
struct ShortMost(usize);

impl Default for ShortMost {
    fn default() -> Self {
        Self(256)
    }
}

impl LockTable {
    /// Whether a set is kept as a whole.
    pub(crate) fn is_long(&self, set: &ReadWriteSet) -> bool {
        set.parts() > self.short_most.0
    }

    /// The changes that a set clashes with, some of them where there are many: those in flight, and those that wait and came
    /// before `number`. Where there are none, the set clashes with nothing. A long set counts as clashing with another that it was
    /// not compared with.
    pub(crate) fn blockers(
        &self,
        set: &ReadWriteSet,
        number: TicketNumber,
        compared: &Compared,
    ) -> Vec<TicketNumber> {
        let mut found = Blockers {
            number,
            all: Vec::new(),
            #[cfg(test)]
            steps: 0,
        };
        let is_long = self.is_long(set);
        let clashes = |other: &LockedSet| {
            if is_long {
                compared.clashes(&other.set)
            } else {
                set.clashes(&other.set)
            }
        };
        let takes_whole = is_long && self.short_parts < set.parts();
        let _full = found.add_sets(&self.long, clashes).and_then(|()| {
            if takes_whole {
                found.add_sets(&self.short, |other| other.set.clashes(set))
            } else {
                self.block_parts(set, &mut found)
            }
        });
        #[cfg(test)]
        self.steps.set(self.steps.get() + found.steps);
        found.all
    }

    /// The long sets that come before a long one and that it was not compared with.
    pub(crate) fn uncompared(
        &self,
        set: &ReadWriteSet,
        number: TicketNumber,
        compared: &Compared,
    ) -> Vec<Arc<ReadWriteSet>> {
        if !self.is_long(set) {
            return Vec::new();
        }
        let others = self.long.iter();
        let others = others.filter(|(own, other)| other.precedes(*own, number));
        let others = others.map(|(_, other)| &other.set);
        others
            .filter(|other| !compared.has(other))
            .cloned()
            .collect()
    }

    /// Adds those that the parts of a set clash with, of the short ones.
    fn block_parts(&self, set: &ReadWriteSet, found: &mut Blockers) -> Option<()> {
        // Wide uses first: they find most of what single keys beneath them would find one by one.
        for (span, own) in set.wide() {
            self.block_span(span, *own, found)?;
        }
        for key in set.entries() {
            self.block_read(key, found)?;
        }
        for (key, effect) in set.writes() {
            self.block_write(key, *effect, found)?;
        }
        Some(())
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
    pub(crate) fn add(&mut self, set: &Arc<ReadWriteSet>, number: TicketNumber, state: LockState) {
        let locked = LockedSet {
            set: Arc::clone(set),
            state,
        };
        if self.is_long(set) {
            self.long.insert(number, locked);
            return;
        }
        self.short.insert(number, locked);
        self.short_parts += set.parts();
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
        let own = [&mut self.long, &mut self.short];
        for own in own.into_iter().filter_map(|all| all.get_mut(number)) {
            own.state = LockState::Held;
        }
        if self.is_long(set) {
            return;
        }
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
        if self.is_long(set) {
            self.long.remove(number);
            return;
        }
        self.short.remove(number);
        self.short_parts -= set.parts();
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
        self.short.is_empty() && self.long.is_empty()
    }
}

#[cfg(test)]
mod tests;
