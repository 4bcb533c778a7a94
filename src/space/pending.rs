//! Pending commits: accepted by the store and not durable yet. Decisions see them, reads and watches do not.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::directories::{self, Directory, DirectoryTable};
use super::lookup::Scan;
use super::overlay::overlay;
use super::quota::QuotaReservation;
use super::read_write_set::{Effect, ReadWriteSet};
use super::snapshot::{NARROW_CHANGES, Snapshot};
use crate::model::{Attrs, Change, Commit, Entry, Key, KeyRange, LeaseId};
use crate::store::KeyHash;

/// The most writes of a change that is laid over the snapshot of later decisions. A wider one locks its read-write set.
pub(crate) const MAX_PENDING_WRITES: usize = NARROW_CHANGES;

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
    /// What they make of the directories they change.
    directories: PendingDirectories,
    /// The wide commits that are accepted and may not be durable yet, oldest first.
    wide: VecDeque<u64>,
    /// The last wide commit that was durable when the directories were counted last: one that the store prepares beside the others
    /// is not among those above.
    last_wide: u64,
    /// What they add to what quotas count, wide ones too. Delivered, it is counted as being there before this is dropped.
    reserved: VecDeque<(u64, Box<dyn QuotaReservation>)>,
    /// The last revision assigned, be it to one of them or to a wide commit.
    revision: u64,
    /// By how many bytes they make the keyspace larger.
    growth: i64,
    /// How many of them write an entry with an access list.
    listed: usize,
}

#[derive(Debug)]
struct PendingEntry {
    entry: Option<Arc<Entry>>,
    /// The last of the commits that change it.
    revision: u64,
}

/// The directories that some commits change, and the last of the commits that changes each.
#[derive(Debug, Default)]
struct PendingDirectories {
    counts: HashMap<Arc<str>, (Directory, u64), KeyHash>,
    /// Which directories each commit changes, oldest first.
    changed: VecDeque<(u64, Arc<str>)>,
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

    /// Forgets the commits that are durable, and counts the others over this snapshot.
    pub(crate) fn settle(&mut self, durable: &Snapshot) {
        while let Some(commit) = self.commits.front()
            && commit.revision <= durable.revision
            && let Some(commit) = self.commits.pop_front()
        {
            self.growth = self.growth.saturating_sub(growth(&commit));
            self.listed = self.listed.saturating_sub(usize::from(commit.has_lists()));
            for change in &commit.changes {
                let own = self.entries.get(&change.key);
                if own.is_some_and(|own| own.revision == commit.revision) {
                    self.entries.remove(&change.key);
                }
            }
        }
        self.directories.settle(durable.revision);
        while let Some((revision, _)) = self.reserved.front()
            && *revision <= durable.revision
        {
            self.reserved.pop_front();
        }
        let wide = self.wide.len();
        self.wide.retain(|revision| *revision > durable.revision);
        // Those that were accepted before a wide commit was shown were counted without it.
        if self.wide.len() < wide || durable.last_wide > self.last_wide {
            self.last_wide = durable.last_wide;
            self.entries.clear();
            self.directories = PendingDirectories::default();
            for commit in &self.commits {
                show(durable, &mut self.entries, &mut self.directories, commit);
            }
        }
    }

    /// Adds what was accepted on this snapshot: the last revision assigned, and the commit unless it is a wide one.
    pub(crate) fn add(&mut self, durable: &Snapshot, revision: u64, commit: Option<Arc<Commit>>) {
        self.revision = revision;
        let Some(commit) = commit else {
            self.wide.push_back(revision);
            return;
        };
        self.growth = self.growth.saturating_add(growth(&commit));
        self.listed += usize::from(commit.has_lists());
        show(durable, &mut self.entries, &mut self.directories, &commit);
        self.commits.push_back(commit);
    }

    /// Keeps what is reserved for the last one that was added, until it is durable or has failed.
    pub(crate) fn keep(&mut self, reserved: Option<Box<dyn QuotaReservation>>) {
        let revision = self.revision;
        self.reserved
            .extend(reserved.map(|reserved| (revision, reserved)));
    }

    /// Whether one of them changes this key.
    pub(crate) fn changes(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether one of them changes something in a read-write set; costs as much as there is pending.
    pub(crate) fn touches(&self, set: &ReadWriteSet) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|(key, own)| {
            set.touched_by(key, Effect::ComesOrGoes) || set.lacks(own.entry.as_deref())
        })
    }

    fn range(&self, bounds: (Bound<Key>, Bound<Key>)) -> impl Iterator<Item = Overlaid<'_>> {
        self.entries
            .range(bounds)
            .map(|(key, own)| (key, own.entry.as_ref()))
    }
}

impl PendingDirectories {
    /// Forgets what is durable.
    fn settle(&mut self, durable: u64) {
        while let Some((revision, path)) = self.changed.front()
            && *revision <= durable
        {
            let own = self.counts.get(path);
            if own.is_some_and(|(_, last)| last == revision) {
                self.counts.remove(path);
            }
            self.changed.pop_front();
        }
    }
}

/// Shows one more commit, with what it makes of the directories.
fn show(
    durable: &Snapshot,
    entries: &mut BTreeMap<Key, PendingEntry>,
    directories: &mut PendingDirectories,
    commit: &Commit,
) {
    let revision = commit.revision;
    let mut table = PendingTable {
        durable,
        entries,
        directories,
        revision,
    };
    directories::follow(&mut table, commit, |table, change| {
        let entry = change.now.clone();
        let own = PendingEntry { entry, revision };
        table.entries.insert(change.key.clone(), own);
        change.before.is_some()
    });
}

/// The entries and directories as they will be, while a commit is added.
struct PendingTable<'a> {
    durable: &'a Snapshot,
    entries: &'a mut BTreeMap<Key, PendingEntry>,
    directories: &'a mut PendingDirectories,
    revision: u64,
}

impl DirectoryTable for PendingTable<'_> {
    fn has_entry(&self, key: &Key) -> bool {
        match self.entries.get(key) {
            Some(own) => own.entry.is_some(),
            None => self.durable.entries.contains_key(key),
        }
    }

    fn directory(&self, path: &str) -> Directory {
        let own = self.directories.counts.get(path);
        own.map_or_else(|| self.durable.directory(path), |(directory, _)| *directory)
    }

    fn set_directory(&mut self, path: &str, directory: Directory) {
        let PendingDirectories { counts, changed } = &mut *self.directories;
        let own = counts.get_key_value(path);
        let path = own.map_or_else(|| Arc::from(path), |(path, _)| Arc::clone(path));
        counts.insert(Arc::clone(&path), (directory, self.revision));
        changed.push_back((self.revision, path));
    }

    fn forget_directory(&mut self, path: &str) {
        if self.directory(path) != Directory::default() {
            self.set_directory(path, Directory::default());
        }
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
    /// `None` where a decision rests on durable entries alone.
    pending: Option<&'a PendingCommits>,
}

impl<'a> PendingSnapshot<'a> {
    /// Lays commits over a snapshot; those that are in it were forgotten by [`PendingCommits::settle`].
    pub(crate) fn new(durable: &'a Snapshot, pending: &'a PendingCommits) -> Self {
        Self {
            durable,
            pending: Some(pending),
        }
    }

    /// A snapshot with nothing laid over it.
    pub(crate) fn of_durable(durable: &'a Snapshot) -> Self {
        Self {
            durable,
            pending: None,
        }
    }

    fn pending_revision(self) -> u64 {
        self.pending.map_or(0, |pending| pending.revision)
    }

    /// The last revision that anything decided on it comes after.
    pub(crate) fn revision(self) -> u64 {
        self.durable.revision.max(self.pending_revision())
    }

    /// Whether all of it is durable.
    pub(crate) fn is_durable(self) -> bool {
        self.durable.revision >= self.pending_revision()
    }

    /// About how much memory the entries take, in bytes.
    pub(crate) fn bytes(self) -> u64 {
        let growth = self.pending.map_or(0, |pending| pending.growth);
        self.durable.bytes.saturating_add_signed(growth)
    }

    /// Whether any entry may have an access list.
    pub(crate) fn has_lists(self) -> bool {
        self.pending.is_some_and(|pending| pending.listed > 0) || self.durable.has_lists()
    }

    /// The keys of a range whose entries have an access list, or may have one.
    pub(crate) fn listed_in(self, range: &KeyRange) -> Vec<&'a Key> {
        let pending = self.pending_in(range.bounds());
        let durable = self.durable.listed_in(range);
        durable.chain(pending.map(|(key, _)| key)).collect()
    }

    /// The entry of a key.
    pub(crate) fn get(self, key: &Key) -> Option<&'a Arc<Entry>> {
        if let Some(pending) = self.pending
            && !pending.entries.is_empty()
            && let Some(own) = pending.entries.get(key)
        {
            return own.entry.as_ref();
        }
        self.durable.entries.get(key)
    }

    /// The counts of a directory.
    pub(crate) fn directory(self, path: &str) -> Directory {
        let own = self
            .pending
            .and_then(|pending| pending.directories.counts.get(path));
        own.map_or_else(|| self.durable.directory(path), |(directory, _)| *directory)
    }

    /// What is laid over the entries within bounds that are not empty.
    fn pending_in(self, bounds: (Bound<Key>, Bound<Key>)) -> impl Iterator<Item = Overlaid<'a>> {
        let pending = self.pending.into_iter();
        pending.flat_map(move |pending| pending.range(bounds.clone()))
    }

    /// The entries within bounds that are not empty.
    pub(crate) fn range(self, bounds: (Bound<Key>, Bound<Key>)) -> Scan<'a> {
        let pending = self.pending_in(bounds.clone());
        overlay(Box::new(self.durable.entries.range(bounds)), pending)
    }

    /// The same, without the entries that no tree can show. Only pending ones of those cost anything.
    pub(crate) fn nodes(self, bounds: (Bound<Key>, Bound<Key>)) -> Scan<'a> {
        let pending = self.pending_in(bounds.clone());
        let pending = pending.filter(|(key, _)| key.node().is_some());
        overlay(Box::new(self.durable.entries.shown_range(bounds)), pending)
    }

    /// So many of the keys that a lease has locked, or all.
    pub(crate) fn locked_by(self, lease: LeaseId, most: usize) -> Vec<Key> {
        let locked = self.durable.locked_by(lease);
        self.of_lease(locked, most, |attrs| attrs.lock == Some(lease))
    }

    /// So many of the keys that end with a lease, or all.
    pub(crate) fn bound_to(self, lease: LeaseId, most: usize) -> Vec<Key> {
        let bound = self.durable.bound_to(lease);
        self.of_lease(bound, most, |attrs| attrs.bound == Some(lease))
    }

    fn of_lease(
        self,
        durable: impl Iterator<Item = &'a Key>,
        most: usize,
        belongs: impl Fn(&Attrs) -> bool,
    ) -> Vec<Key> {
        let is_pending = |key: &Key| self.pending.is_some_and(|pending| pending.changes(key));
        let durable = durable.filter(|key| !is_pending(key));
        let pending = self.pending.into_iter().flat_map(|own| &own.entries);
        let own = pending.filter(|(_, own)| {
            let attrs = own.entry.as_ref().map(|entry| entry.attrs());
            attrs.is_some_and(&belongs)
        });
        let keys = durable.chain(own.map(|(key, _)| key));
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

    fn add(pending: &mut PendingCommits, durable: &Snapshot, commit: Arc<Commit>) {
        pending.add(durable, commit.revision, Some(commit));
    }

    #[test]
    fn the_last_of_several_writes_of_a_key_is_seen_until_it_is_durable() {
        let (mut durable, mut pending) = (Snapshot::default(), PendingCommits::default());
        let key = Key::user("k");
        let commits = [2, 3, 4].map(|revision| commit(revision, "k", Some(Record::default())));
        for commit in &commits {
            add(&mut pending, &durable, Arc::clone(commit));
        }
        for commit in &commits {
            let seen = PendingSnapshot::new(&durable, &pending).get(&key).cloned();
            assert_eq!(seen.map(|entry| entry.index()), Some(4));
            durable.apply(commit);
            pending.settle(&durable);
        }
        assert!(pending.entries.is_empty() && pending.commits.is_empty());
        assert_eq!(
            PendingSnapshot::new(&durable, &pending).bytes(),
            durable.bytes
        );
    }

    /// A deletion that is prepared is not among them, and is shown when some are pending that were accepted before.
    #[test]
    fn directories_are_counted_with_a_wide_commit_that_is_shown_first() {
        const KEYS: u64 = 300;
        let (mut durable, mut pending) = (Snapshot::default(), PendingCommits::default());
        let mut wide = Commit::clone(&commit(KEYS + 1, "d/0", None));
        wide.changes.clear();
        for revision in 1..=KEYS {
            let made = commit(revision, &format!("d/{revision}"), Some(Record::default()));
            durable.apply(&made);
            let Change { key, now, .. } = made.changes[0].clone();
            let (now, before) = (None, now);
            wide.changes.push(Change { key, now, before });
        }
        let new = commit(KEYS + 2, "d/new", Some(Record::default()));
        add(&mut pending, &durable, new);
        durable.apply(&wide);
        pending.settle(&durable);
        let counted = PendingSnapshot::new(&durable, &pending).directory("d");
        assert_eq!((counted.children, counted.ever), (1, 1));
    }

    #[test]
    fn a_lease_has_locked_what_it_will_have_when_all_is_durable() {
        let lease = LeaseId::random();
        let (mut durable, mut pending) = (Snapshot::default(), PendingCommits::default());
        for (revision, key) in (1..).zip(["a", "b", "c", "d"]) {
            durable.apply(&commit(revision, key, Some(locked(lease))));
        }
        add(
            &mut pending,
            &durable,
            commit(5, "a", Some(Record::default())),
        );
        add(&mut pending, &durable, commit(6, "b", None));
        add(&mut pending, &durable, commit(7, "c", Some(locked(lease))));
        add(&mut pending, &durable, commit(8, "e", Some(locked(lease))));
        let base = PendingSnapshot::new(&durable, &pending);
        let mut keys = base.locked_by(lease, usize::MAX);
        keys.sort();
        assert_eq!(keys, ["c", "d", "e"].map(Key::user));
        assert_eq!(base.locked_by(lease, 2).len(), 2);
    }
}
