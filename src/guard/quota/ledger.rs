//! `QuotaLedger`: how much there is beneath counted paths, with what is on its way to the store.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::path_shapes::{PathShapes, ShapeWalk};
use super::summed_changes::{NAME, ReservedKey, SummedChanges, each_change};
use super::usage::{Growth, Usage};
use crate::model::{Commit, Key, Write};
use crate::space::{EntrySource, QuotaReservation, ReservedOrder};

/// Counts the entries of one keyspace.
#[derive(Debug, Default)]
pub(crate) struct QuotaLedger {
    state: Mutex<LedgerState>,
    /// Where the entries are, once there are some. Locked while they are counted.
    entries: Mutex<Option<Weak<dyn EntrySource>>>,
}

#[derive(Debug, Default)]
struct LedgerState {
    shapes: Arc<PathShapes>,
    walk: ShapeWalk,
    paths: HashMap<Arc<[u8]>, PathUsage>,
    reservations: HashMap<u64, Reserved>,
    /// Which reservations wait for a commit that writes a key, in the order in which it will be written: each is there under
    /// the first counted key that it writes, for by that its commit is recognized.
    by_key: HashMap<ReservedKey, VecDeque<u64>>,
    /// How many of them are for a key that the store names; they stand under its parent.
    unnamed: usize,
    next: u64,
    /// The last commit that was delivered.
    followed: u64,
    /// The commits since, while everything is counted anew.
    since: Option<Vec<Arc<Commit>>>,
}

/// What there is beneath a path.
#[derive(Clone, Copy, Debug, Default)]
struct PathUsage {
    delivered: Usage,
    reserved: Usage,
}

#[derive(Debug)]
struct Reserved {
    key: ReservedKey,
    added: Vec<(Arc<[u8]>, Usage)>,
}

/// What a change adds, until it is delivered or this is dropped.
#[derive(Debug)]
pub(crate) struct LedgerReservation {
    ledger: Arc<QuotaLedger>,
    number: u64,
}

impl QuotaReservation for LedgerReservation {}

impl Drop for LedgerReservation {
    fn drop(&mut self) {
        self.ledger.state.lock().release(self.number);
    }
}

impl QuotaLedger {
    /// Counts the entries from here on, which commits change by now.
    pub(crate) fn begin(&self, entries: Weak<dyn EntrySource>) {
        let mut source = self.entries.lock();
        let shapes = Arc::clone(&self.state.lock().shapes);
        if !shapes.is_empty() {
            self.count(&entries, shapes);
        }
        *source = Some(entries);
    }

    /// Counts beneath these paths, too. What is on its way meanwhile counts there from when it is delivered.
    pub(crate) fn count_also(&self, shapes: &PathShapes) {
        let source = self.entries.lock();
        let counted = Arc::clone(&self.state.lock().shapes);
        if counted.contains(shapes) {
            return;
        }
        let both = Arc::new(counted.and(shapes));
        match source.as_ref() {
            Some(entries) => self.count(entries, both),
            None => self.state.lock().shapes = both,
        }
    }

    /// Counts beneath these paths only. What was on its way when the paths changed counts from when it is delivered: until then
    /// its reservation may be given back for another commit of the same keys.
    pub(crate) fn count_only(&self, shapes: &PathShapes) {
        let _source = self.entries.lock();
        let state = &mut *self.state.lock();
        state.shapes = Arc::new(shapes.clone());
        let (shapes, walk) = (&state.shapes, &mut state.walk);
        state.paths.retain(|path, _| shapes.has(path, walk));
        for reserved in state.reservations.values_mut() {
            reserved.added.retain(|(path, _)| shapes.has(path, walk));
        }
    }

    /// Counts everything anew, while commits and reservations go on.
    fn count(&self, entries: &Weak<dyn EntrySource>, shapes: Arc<PathShapes>) {
        let Some(entries) = entries.upgrade() else {
            return;
        };
        let followed = {
            let mut state = self.state.lock();
            state.since = Some(Vec::new());
            state.followed
        };
        let mut walk = ShapeWalk::default();
        let (revision, mut counted) = loop {
            let mut counted = HashMap::<Arc<[u8]>, Usage>::new();
            let revision = entries.each_entry(&mut |key, entry| {
                shapes.each_path(key.as_bytes(), &mut walk, |path| {
                    add(&mut counted, path, Usage::of(key, entry));
                });
            });
            // The view shows what was followed a moment later.
            if revision >= followed {
                break (revision, counted);
            }
            std::thread::yield_now();
        };
        let mut state = self.state.lock();
        let since = state.since.take().unwrap_or_default();
        for commit in since.iter().filter(|commit| commit.revision > revision) {
            each_change(commit, |key, change| {
                shapes.each_path(key.as_bytes(), &mut walk, |path| {
                    add(&mut counted, path, change);
                });
            });
        }
        state.shapes = shapes;
        for usage in state.paths.values_mut() {
            usage.delivered = Usage::default();
        }
        for (path, usage) in counted {
            state.paths.entry(path).or_default().delivered = usage;
        }
        state.forget_empty();
    }

    /// Takes in commits as they are delivered; of one alone it may have been summed up before what it does.
    pub(crate) fn follow(&self, commits: &[Arc<Commit>], summed: Option<&SummedChanges>) {
        let mut state = self.state.lock();
        for commit in commits {
            state.begin(commit);
            match summed {
                Some(summed) if summed.counts(&state.shapes) => state.follow_summed(summed),
                Some(_) | None => state.follow(commit),
            }
        }
    }

    /// Sums up what writes do.
    pub(crate) fn sum_writes(&self, writes: &[Write]) -> SummedChanges {
        let shapes = Arc::clone(&self.state.lock().shapes);
        SummedChanges::of_writes(&shapes, &mut ShapeWalk::default(), writes, |_| None)
    }

    /// Sums up what a commit does.
    pub(crate) fn sum_commit(&self, commit: &Commit) -> SummedChanges {
        let shapes = Arc::clone(&self.state.lock().shapes);
        SummedChanges::of_commit(&shapes, commit)
    }

    /// What there is beneath a path, without what is on its way.
    pub(crate) fn delivered(&self, path: &[u8]) -> Usage {
        let state = self.state.lock();
        state.paths.get(path).copied().unwrap_or_default().delivered
    }

    /// What is on its way beneath a path.
    #[cfg(test)]
    pub(super) fn reserved(&self, path: &[u8]) -> Usage {
        let state = self.state.lock();
        state.paths.get(path).copied().unwrap_or_default().reserved
    }

    /// Whether nothing is on its way, and nothing is remembered of what was.
    #[cfg(test)]
    pub(super) fn is_settled(&self) -> bool {
        let state = self.state.lock();
        let is_reserved = |own: &PathUsage| own.reserved != Usage::default();
        state.reservations.is_empty()
            && state.by_key.is_empty()
            && state.unnamed == 0
            && !state.paths.values().any(is_reserved)
    }

    /// Whether nothing is counted.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.lock().shapes.is_empty()
    }

    /// Reserves what writes add, if `judge` agrees for each path beneath which they write, in the order of paths, given the
    /// first key that they put there. `None` where they write beneath none. It may have been summed up before what they do.
    pub(crate) fn reserve<E>(
        self: &Arc<Self>,
        (writes, summed): (&[Write], Option<&SummedChanges>),
        order: ReservedOrder,
        mut judge: impl FnMut(&[u8], Growth, Option<&Key>) -> Result<(), E>,
    ) -> Result<Option<LedgerReservation>, E> {
        let state = &mut *self.state.lock();
        let summed_now;
        let summed = if let Some(summed) = summed.filter(|own| own.counts(&state.shapes)) {
            summed
        } else {
            summed_now = state.sum_writes(writes);
            &summed_now
        };
        let Some(key) = &summed.first else {
            return Ok(None);
        };
        for (path, change) in &summed.paths {
            let own = state.paths.get(path).copied().unwrap_or_default();
            let before = own.delivered.plus(own.reserved);
            let added = change.added;
            judge(path, Growth { before, added }, change.written.as_ref())?;
        }
        let counted = |added: Usage| match order {
            ReservedOrder::Accepted => added,
            ReservedOrder::Uncertain => added.added(),
        };
        let paths = summed.paths.iter();
        let added = paths.map(|(path, own)| (Arc::clone(path), counted(own.added)));
        let number = state.add(Reserved {
            key: key.clone(),
            added: added.collect(),
        });
        Ok(Some(LedgerReservation {
            ledger: Arc::clone(self),
            number,
        }))
    }
}

impl LedgerState {
    /// Sums up what writes do.
    fn sum_writes(&mut self, writes: &[Write]) -> SummedChanges {
        let (shapes, walk, paths) = (&self.shapes, &mut self.walk, &self.paths);
        let known = |path: &[u8]| Some(Arc::clone(paths.get_key_value(path)?.0));
        SummedChanges::of_writes(shapes, walk, writes, known)
    }

    fn add(&mut self, reserved: Reserved) -> u64 {
        let number = self.next;
        self.next += 1;
        for (path, added) in &reserved.added {
            let own = self.paths.entry(Arc::clone(path)).or_default();
            own.reserved = own.reserved.plus(*added);
        }
        self.unnamed += usize::from(reserved.key.is_unnamed());
        let waiting = self.by_key.entry(reserved.key.clone()).or_default();
        waiting.push_back(number);
        self.reservations.insert(number, reserved);
        number
    }

    /// Gives back what is reserved, if it is still.
    fn release(&mut self, number: u64) {
        let Some(Reserved { key, added }) = self.reservations.remove(&number) else {
            return;
        };
        self.unnamed -= usize::from(key.is_unnamed());
        if let Some(waiting) = self.by_key.get_mut(&key) {
            waiting.retain(|other| *other != number);
            if waiting.is_empty() {
                self.by_key.remove(&key);
            }
        }
        for (path, added) in added {
            let own = self.paths.entry(Arc::clone(&path)).or_default();
            own.reserved = own.reserved.minus(added);
            if own.is_empty() {
                self.paths.remove(&path);
            }
        }
    }

    /// Notes that a commit is delivered.
    fn begin(&mut self, commit: &Arc<Commit>) {
        self.followed = commit.revision;
        if let Some(since) = &mut self.since {
            since.push(Arc::clone(commit));
        }
    }

    fn follow(&mut self, commit: &Commit) {
        if self.shapes.is_empty() {
            return;
        }
        let mut first = None;
        let (shapes, walk, paths) = (&self.shapes, &mut self.walk, &mut self.paths);
        each_change(commit, |key, change| {
            shapes.each_path(key.as_bytes(), walk, |path| {
                first.get_or_insert(key);
                deliver(paths, path, change);
            });
        });
        self.release_of(first);
    }

    fn follow_summed(&mut self, summed: &SummedChanges) {
        for (path, change) in &summed.paths {
            deliver(&mut self.paths, path, change.added);
        }
        if let Some(ReservedKey::Named(first)) = &summed.first {
            self.release_of(Some(first));
        }
    }

    /// Gives back what is reserved for the commit whose first counted key this is.
    fn release_of(&mut self, first: Option<&Key>) {
        if let Some(number) = first.and_then(|first| self.waiting_for(first)) {
            self.release(number);
        }
    }

    /// The reservation of the commit whose first counted key this is.
    fn waiting_for(&self, key: &Key) -> Option<u64> {
        let named = ReservedKey::Named(key.clone());
        let waiting = self.by_key.get(&named).or_else(|| {
            if self.unnamed == 0 {
                return None;
            }
            let bytes = key.as_bytes();
            let length = bytes.len().checked_sub(NAME.len())?;
            let (parent, name) = bytes.split_at_checked(length)?;
            let is_number = name.iter().all(u8::is_ascii_digit);
            let beneath = ReservedKey::Beneath(Key::user(parent));
            self.by_key.get(&beneath).filter(|_| is_number)
        });
        waiting?.front().copied()
    }

    fn forget_empty(&mut self) {
        self.paths.retain(|_, own| !own.is_empty());
    }
}

impl PathUsage {
    fn is_empty(self) -> bool {
        self.delivered == Usage::default() && self.reserved == Usage::default()
    }
}

/// Counts what is delivered beneath a path.
fn deliver(paths: &mut HashMap<Arc<[u8]>, PathUsage>, path: &[u8], change: Usage) {
    if let Some(own) = paths.get_mut(path) {
        own.delivered = own.delivered.plus(change);
        if own.is_empty() {
            paths.remove(path);
        }
    } else if change != Usage::default() {
        let delivered = change;
        let reserved = Usage::default();
        let usage = PathUsage {
            delivered,
            reserved,
        };
        paths.insert(path.into(), usage);
    }
}

fn add(counted: &mut HashMap<Arc<[u8]>, Usage>, path: &[u8], change: Usage) {
    match counted.get_mut(path) {
        Some(own) => *own = own.plus(change),
        None => drop(counted.insert(path.into(), change)),
    }
}
