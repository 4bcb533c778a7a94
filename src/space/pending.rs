//! Pending commits: accepted by the store and not durable yet. Decisions see them, reads and watches do not.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::lookup::Scan;
use super::overlay::overlay;
use super::read_write_set::{Effect, ReadWriteSet};
use super::snapshot::Snapshot;
use crate::model::{Change, Commit, Entry, Key, LeaseId};

/// The commits that a store has accepted and that may not be durable yet, but for wide ones: those are locked instead
/// (see [`super::critical_section`]).
///
/// Kept inside the critical section. Costs as much as there are changes in them, however large the keyspace is.
#[derive(Debug, Default)]
pub(crate) struct PendingCommits {
    /// The store's generation they were accepted in; `None` where nothing is accepted ahead of its durability.
    generation: Option<u64>,
    /// Oldest first.
    commits: VecDeque<Arc<Commit>>,
    /// What they make of the keys they change.
    entries: BTreeMap<Key, PendingEntry>,
    /// The last revision assigned, be it to one of them or to a wide commit.
    revision: u64,
    /// By how many bytes they make the keyspace larger.
    growth: i64,
}

#[derive(Debug)]
struct PendingEntry {
    entry: Option<Arc<Entry>>,
    /// The last of the commits that change it.
    revision: u64,
}

impl PendingCommits {
    /// The generation they were accepted in.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// Forgets everything, and begins with a generation.
    pub(crate) fn begin(&mut self, generation: Option<u64>) {
        *self = Self {
            generation,
            ..Self::default()
        };
    }

    /// Forgets the commits that are durable.
    pub(crate) fn settle(&mut self, durable: u64) {
        while let Some(commit) = self.commits.front()
            && commit.revision <= durable
            && let Some(commit) = self.commits.pop_front()
        {
            self.growth = self.growth.saturating_sub(growth(&commit));
            for change in &commit.changes {
                let own = self.entries.get(&change.key);
                if own.is_some_and(|own| own.revision == commit.revision) {
                    self.entries.remove(&change.key);
                }
            }
        }
    }

    /// Adds what was accepted: the last revision assigned, and the commit unless it is a wide one.
    pub(crate) fn add(&mut self, revision: u64, commit: Option<Arc<Commit>>) {
        self.revision = revision;
        let Some(commit) = commit else { return };
        self.growth = self.growth.saturating_add(growth(&commit));
        for change in &commit.changes {
            let entry = change.now.clone();
            self.entries
                .insert(change.key.clone(), PendingEntry { entry, revision });
        }
        self.commits.push_back(commit);
    }

    /// Whether one of them changes this key.
    pub(crate) fn changes(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether one of them changes something in a read-write set; costs as much as there is pending.
    pub(crate) fn touches(&self, set: &ReadWriteSet) -> bool {
        self.entries.iter().any(|(key, own)| {
            set.touched_by(key, Effect::ComesOrGoes) || set.missed_lock(own.entry.as_deref())
        })
    }

    fn range(&self, bounds: (Bound<Key>, Bound<Key>)) -> impl Iterator<Item = Overlaid<'_>> {
        self.entries
            .range(bounds)
            .map(|(key, own)| (key, own.entry.as_ref()))
    }
}

type Overlaid<'a> = (&'a Key, Option<&'a Arc<Entry>>);

fn growth(commit: &Commit) -> i64 {
    let bytes = |key: &Key, entry: &Option<Arc<Entry>>| {
        let bytes = entry.as_ref().map(|entry| Snapshot::weight(key, entry));
        i64::try_from(bytes.unwrap_or(0)).unwrap_or(i64::MAX)
    };
    let change =
        |change: &Change| bytes(&change.key, &change.now) - bytes(&change.key, &change.before);
    commit.changes.iter().map(change).sum()
}

/// What decisions are made on: a durable snapshot, with the pending commits laid over it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PendingSnapshot<'a> {
    durable: &'a Snapshot,
    pending: &'a PendingCommits,
}

impl<'a> PendingSnapshot<'a> {
    /// Lays commits over a snapshot; those that are in it were forgotten by [`PendingCommits::settle`].
    pub(crate) fn new(durable: &'a Snapshot, pending: &'a PendingCommits) -> Self {
        Self { durable, pending }
    }

    /// The last revision that anything decided on it comes after.
    pub(crate) fn revision(self) -> u64 {
        self.durable.revision.max(self.pending.revision)
    }

    /// Whether all of it is durable.
    pub(crate) fn is_durable(self) -> bool {
        self.durable.revision >= self.pending.revision
    }

    /// About how much memory the entries take, in bytes.
    pub(crate) fn bytes(self) -> u64 {
        self.durable
            .bytes
            .saturating_add_signed(self.pending.growth)
    }

    /// The entry of a key.
    pub(crate) fn get(self, key: &Key) -> Option<&'a Arc<Entry>> {
        if !self.pending.entries.is_empty()
            && let Some(own) = self.pending.entries.get(key)
        {
            return own.entry.as_ref();
        }
        self.durable.entries.get(key)
    }

    /// The entries within bounds that are not empty.
    pub(crate) fn range(self, bounds: (Bound<Key>, Bound<Key>)) -> Scan<'a> {
        let pending = self.pending.range(bounds.clone());
        overlay(Box::new(self.durable.entries.range(bounds)), pending)
    }

    /// The same, without the entries that no tree can show. Only pending ones of those cost anything.
    pub(crate) fn nodes(self, bounds: (Bound<Key>, Bound<Key>)) -> Scan<'a> {
        let pending = self.pending.range(bounds.clone());
        let pending = pending.filter(|(key, _)| key.node().is_some());
        overlay(Box::new(self.durable.entries.shown_range(bounds)), pending)
    }

    /// So many of the keys that a lease has locked, or all.
    pub(crate) fn locked_by(self, lease: LeaseId, most: usize) -> Vec<Key> {
        let pending = &self.pending.entries;
        let holds = |own: &PendingEntry| {
            let holder = own.entry.as_ref().and_then(|entry| entry.attrs().lock);
            holder == Some(lease)
        };
        let durable = self.durable.locked_by(lease);
        let durable = durable.filter(|key| !pending.contains_key(key));
        let locked = pending.iter().filter(|(_, own)| holds(own));
        let keys = durable.chain(locked.map(|(key, _)| key));
        keys.take(most).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Record, Revision};

    fn commit(revision: u64, key: &str, now: Option<Record>) -> Arc<Commit> {
        let entry = |record| {
            let modified = Revision::new(revision, 0);
            Arc::new(Entry { record, modified })
        };
        Arc::new(Commit {
            revision,
            cause: Cause::Set,
            subject: None,
            changes: vec![Change {
                key: Key::user(key),
                now: now.map(entry),
                before: None,
            }],
        })
    }

    fn locked(lease: LeaseId) -> Record {
        let mut record = Record::default();
        record.attrs.lock = Some(lease);
        record
    }

    fn add(pending: &mut PendingCommits, commit: Arc<Commit>) {
        pending.add(commit.revision, Some(commit));
    }

    #[test]
    fn the_last_of_several_writes_of_a_key_is_seen_until_it_is_durable() {
        let (mut durable, mut pending) = (Snapshot::default(), PendingCommits::default());
        let key = Key::user("k");
        let commits = [2, 3, 4].map(|revision| commit(revision, "k", Some(Record::default())));
        for commit in &commits {
            add(&mut pending, Arc::clone(commit));
        }
        for commit in &commits {
            let seen = PendingSnapshot::new(&durable, &pending).get(&key).cloned();
            assert_eq!(seen.map(|entry| entry.index()), Some(4));
            durable.apply(commit);
            pending.settle(commit.revision);
        }
        assert!(pending.entries.is_empty() && pending.commits.is_empty());
        assert_eq!(
            PendingSnapshot::new(&durable, &pending).bytes(),
            durable.bytes
        );
    }

    #[test]
    fn a_lease_has_locked_what_it_will_have_when_all_is_durable() {
        let lease = LeaseId::random();
        let (mut durable, mut pending) = (Snapshot::default(), PendingCommits::default());
        for (revision, key) in (1..).zip(["a", "b", "c", "d"]) {
            durable.apply(&commit(revision, key, Some(locked(lease))));
        }
        add(&mut pending, commit(5, "a", Some(Record::default())));
        add(&mut pending, commit(6, "b", None));
        add(&mut pending, commit(7, "c", Some(locked(lease))));
        add(&mut pending, commit(8, "e", Some(locked(lease))));
        let base = PendingSnapshot::new(&durable, &pending);
        let mut keys = base.locked_by(lease, usize::MAX);
        keys.sort();
        assert_eq!(keys, ["c", "d", "e"].map(Key::user));
        assert_eq!(base.locked_by(lease, 2).len(), 2);
    }
}
