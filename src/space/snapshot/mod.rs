//! Snapshots: all entries at one revision.

mod ahead;
mod sifting;

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdSet;

use super::deletions::Deletions;
use super::directories::{self, Directories, Directory, DirectoryTable, NodeEffect, SetDirectory};
use super::ended_leases::EndedLeases;
use super::entry_map::EntryMap;
use super::node_keys::{directory_of, node_keys};
use super::sieve::EntrySieve;
use crate::model::{Change, Commit, Entry, Key, KeyRange, Lease, LeaseId, Realm};
use crate::store::{Gap, StoreContents};

/// About how much memory an entry takes besides its key and value, in bytes: its attributes, and its places in the maps.
/// What only a few entries have, such as an access list, is counted apart.
pub(crate) const ENTRY_BYTES: u64 = 400;

/// A commit of more changes is wide.
pub(crate) const NARROW_CHANGES: usize = 256;

/// All entries at one revision, in order of keys. Cloning one costs nothing, however large it is: clones share what
/// did not change between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// The last commit in it.
    pub(crate) revision: u64,
    /// The last of them that is wide.
    pub(crate) last_wide: u64,
    /// Every entry, the gateway's own records among them.
    pub(crate) entries: EntryMap,
    /// When keys that are gone were deleted, so that the index of a prefix never falls (Consul calls them
    /// tombstones, hashicorp/consul#577).
    pub(crate) deletions: Deletions,
    /// Deletions up to this revision may be missing above.
    pub(crate) deletions_floor: u64,
    /// And deletions in these, oldest first.
    gaps: Arc<[Gap]>,
    /// The highest index that clients may have observed of what is not there.
    observed_floor: u64,
    /// Which entries each lease has locked.
    locked: OrdSet<(LeaseId, Key)>,
    /// Which entries end with each lease.
    bound: OrdSet<(LeaseId, Key)>,
    /// Which entries have an access list.
    listed: OrdSet<Key>,
    /// Which entries are kept from clients because of what they hold, and what says so.
    held_back: OrdSet<Key>,
    sieve: Option<Arc<dyn EntrySieve>>,
    /// Of a snapshot that is made ahead of its turn: the keys that the sieve is to judge again when it is shown, as there is
    /// something to be noted of them then.
    unnoted: Option<OrdSet<Key>>,
    /// The children of every node of the tree that has or had some.
    pub(super) directories: Directories,
    /// When leases of each owner ended.
    pub(crate) ended_leases: EndedLeases,
    /// When a lease was last made, changed or ended.
    leases_changed: u64,
    /// About how much memory the entries take, in bytes: keys, values and [`ENTRY_BYTES`] each.
    pub(crate) bytes: u64,
}

impl Snapshot {
    /// Nothing, of which entries will be held back by a sieve.
    pub(crate) fn sifted_by(sieve: Option<Arc<dyn EntrySieve>>) -> Self {
        Self {
            sieve,
            ..Self::default()
        }
    }

    /// What a store held when it was opened, with the sieve of this one.
    pub(crate) fn load(self, contents: &StoreContents) -> Self {
        let mut snapshot = Self {
            revision: contents.revision,
            deletions_floor: contents.deletions_floor,
            gaps: contents.gaps.as_slice().into(),
            observed_floor: contents.index_floor,
            ..Self::default()
        };
        for (key, entry) in &contents.entries {
            snapshot.put(key, entry);
        }
        // Only now: in which order a store has its entries says nothing, and some decide on others.
        snapshot.sieve = self.sieve;
        for (key, _) in &contents.entries {
            snapshot.sift_again(key);
        }
        snapshot.directories = directories::load(contents, &snapshot.entries);
        for (key, revision) in &contents.deletions {
            snapshot.deletions.insert(key.clone(), *revision);
        }
        let records = KeyRange::Prefix(LeaseId::records()).bounds();
        let ended = snapshot.deleted_in(records);
        let ended = ended.map(|(_, revision)| revision).max();
        snapshot.ended_leases = EndedLeases::since(ended.unwrap_or(0));
        snapshot.leases_changed = snapshot.prefix_index(&LeaseId::records());
        snapshot
    }

    /// Moves on by one commit whose deletions are all remembered.
    #[cfg(test)]
    pub(crate) fn apply(&mut self, commit: &Commit) -> Vec<NodeEffect> {
        self.apply_forgetting(commit, 0)
    }

    /// Moves on by one commit; says which nodes of the tree came and went. Where some of its deletions, the first ones, are not
    /// remembered, none from before is either.
    pub(crate) fn apply_forgetting(
        &mut self,
        commit: &Commit,
        mut forgotten: usize,
    ) -> Vec<NodeEffect> {
        let revision = commit.revision;
        if forgotten > 0 {
            self.deletions = Deletions::default();
            self.deletions_floor = revision;
        }
        let effects = directories::follow(self, commit, |snapshot, change| {
            let existed = snapshot.apply_change(change, revision);
            if change.now.is_none() {
                if forgotten == 0 {
                    snapshot.deletions.insert(change.key.clone(), revision);
                }
                forgotten = forgotten.saturating_sub(1);
            }
            existed
        });
        self.revision = revision;
        if commit.changes.len() > NARROW_CHANGES {
            self.last_wide = revision;
        }
        effects
    }

    /// Says whether the key had an entry.
    fn apply_change(&mut self, change: &Change, revision: u64) -> bool {
        if LeaseId::is_record(&change.key) {
            self.leases_changed = revision;
        }
        if let Some(entry) = &change.now {
            let existed = self.put(&change.key, entry);
            if !existed {
                self.deletions.remove(&change.key);
            }
            return existed;
        }
        let before = self.remove(&change.key);
        let existed = before.is_some();
        if LeaseId::is_record(&change.key)
            && let Some(lease) = before.and_then(|before| Lease::read(before.value()))
        {
            self.ended_leases.note(lease.owner, revision);
        }
        existed
    }

    /// Puts an entry in the place of the one before; says whether there was one.
    fn put(&mut self, key: &Key, entry: &Arc<Entry>) -> bool {
        // Before the new one is noted: they may have the same notes.
        let before = self.entries.insert(key.clone(), Arc::clone(entry));
        if let Some(before) = &before {
            self.unnote(key, before);
        }
        if let Some(lease) = entry.attrs().lock {
            self.locked.insert((lease, key.clone()));
        }
        if let Some(lease) = entry.attrs().bound {
            self.bound.insert((lease, key.clone()));
        }
        if entry.attrs().access().is_some() {
            self.listed.insert(key.clone());
        }
        self.bytes += Self::weight(key, entry);
        self.sift(key, before.as_deref());
        before.is_some()
    }

    fn remove(&mut self, key: &Key) -> Option<Arc<Entry>> {
        let entry = self.entries.remove(key)?;
        self.unnote(key, &entry);
        self.sift(key, Some(&entry));
        Some(entry)
    }

    /// Takes out what was noted of an entry that is gone or replaced.
    fn unnote(&mut self, key: &Key, entry: &Entry) {
        if let Some(lease) = entry.attrs().lock {
            self.locked.remove(&(lease, key.clone()));
        }
        if let Some(lease) = entry.attrs().bound {
            self.bound.remove(&(lease, key.clone()));
        }
        if entry.attrs().access().is_some() {
            self.listed.remove(key);
        }
        self.bytes -= Self::weight(key, entry);
    }

    /// About how much memory an entry takes, in bytes.
    pub(crate) fn weight(key: &Key, entry: &Entry) -> u64 {
        let extra = entry.attrs().extra_memory_bytes();
        let bytes = key.as_bytes().len() + entry.value().len() + extra;
        u64::try_from(bytes)
            .unwrap_or(u64::MAX)
            .saturating_add(ENTRY_BYTES)
    }

    /// The last revision at which a deletion may have happened that is not known, or not at its own revision; or was not
    /// to another gateway that answered.
    pub(crate) fn index_floor(&self) -> u64 {
        let last = self.gaps.last().map_or(0, |gap| gap.to);
        self.deletions_floor.max(last).max(self.observed_floor)
    }

    /// Whether every deletion since an index can still be reported to a client that has observed everything before it. What
    /// came and went within a gap need not be reported to a client that has observed nothing of the gap.
    pub(crate) fn knows_deletions_from(&self, index: u64) -> bool {
        let within = |gap: &Gap| index > gap.from.saturating_add(1) && index <= gap.to;
        index > self.deletions_floor && !self.gaps.iter().any(within)
    }

    /// When the key last changed: its entry's revision, else when it was deleted, but not below the floor up to which
    /// deletions may be forgotten.
    pub(crate) fn key_index(&self, key: &Key) -> u64 {
        if let Some(entry) = self.entries.get(key) {
            return entry.index();
        }
        let deleted = self.deletions.get(key);
        deleted.unwrap_or(0).max(self.index_floor())
    }

    /// When anything with this prefix last changed or was deleted; never falls.
    pub(crate) fn prefix_index(&self, prefix: &Key) -> u64 {
        let bounds = KeyRange::Prefix(prefix.clone()).bounds();
        let entries = self
            .entries
            .range(bounds.clone())
            .map(|(_, entry)| entry.index());
        let deletions = self.deleted_in(bounds).map(|(_, revision)| revision);
        entries
            .chain(deletions)
            .max()
            .unwrap_or(0)
            .max(self.index_floor())
    }

    /// The keys within bounds that were deleted and not written since, as far as that is remembered, with the revisions of
    /// their deletions.
    pub(crate) fn deleted_in(
        &self,
        bounds: (Bound<Key>, Bound<Key>),
    ) -> impl Iterator<Item = (&Key, u64)> {
        self.deletions.range(bounds, &self.entries)
    }

    /// The same of all leases' records, at once however many there are.
    pub(crate) fn leases_index(&self) -> u64 {
        self.leases_changed.max(self.index_floor())
    }

    /// The counts of the node at this path.
    pub(crate) fn directory(&self, path: &str) -> Directory {
        self.directories.get(path).copied().unwrap_or_default()
    }

    /// Whether any entry has an access list.
    pub(crate) fn has_lists(&self) -> bool {
        !self.listed.is_empty()
    }

    /// The keys of a range whose entries have an access list.
    pub(crate) fn listed_in(&self, range: &KeyRange) -> impl Iterator<Item = &Key> {
        self.listed.range(range.bounds())
    }

    /// Whether a list decides on what is read of a range: that of an entry in it, or of the directory that it begins in.
    pub(crate) fn has_lists_in(&self, range: &KeyRange) -> bool {
        if !self.has_lists() {
            return false;
        }
        let begins_in_listed = || match range {
            KeyRange::Exact(_) => false,
            KeyRange::Prefix(prefix) if prefix.realm() == Realm::System => false,
            KeyRange::Prefix(prefix) => node_keys(directory_of(prefix.as_bytes()))
                .iter()
                .any(|key| self.listed.contains(key)),
        };
        self.listed_in(range).next().is_some() || begins_in_listed()
    }

    /// The entry of a node by its path, with that of its two keys that counts.
    pub(crate) fn node_entry(&self, node: &[u8]) -> Option<&Arc<Entry>> {
        node_keys(node).iter().find_map(|key| self.entries.get(key))
    }

    /// The keys a lease has locked.
    pub(crate) fn locked_by(&self, lease: LeaseId) -> impl Iterator<Item = &Key> {
        of_lease(&self.locked, lease)
    }

    /// The keys that end with a lease.
    pub(crate) fn bound_to(&self, lease: LeaseId) -> impl Iterator<Item = &Key> {
        of_lease(&self.bound, lease)
    }
}

fn of_lease(keys: &OrdSet<(LeaseId, Key)>, lease: LeaseId) -> impl Iterator<Item = &Key> {
    keys.range((lease, Key::user(""))..)
        .take_while(move |(own, _)| *own == lease)
        .map(|(_, key)| key)
}

impl DirectoryTable for Snapshot {
    fn has_entry(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    fn directory(&self, path: &str) -> Directory {
        Self::directory(self, path)
    }

    fn set_directory(&mut self, path: &str, directory: Directory) {
        self.directories.set(path, directory);
    }

    fn forget_directory(&mut self, path: &str) {
        // A map that is not changed is not copied.
        if self.directories.contains_key(path) {
            self.directories.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Change, Record, Revision};

    fn change(revision: u64, key: &str, value: Option<&str>) -> Commit {
        let entry = |value: &str| {
            let record = Record {
                value: value.to_owned().into(),
                ..Record::default()
            };
            let modified = Revision::new(revision, 0);
            Arc::new(Entry { record, modified })
        };
        Commit {
            revision,
            cause: Cause::Set,
            subject: None,
            changes: vec![Change {
                key: Key::user(key),
                now: value.map(entry),
                before: None,
            }],
        }
    }

    #[test]
    fn bytes_follow_every_put_overwrite_and_deletion() {
        let mut snapshot = Snapshot::default();
        let mut after = |key, value| {
            snapshot.apply(&change(snapshot.revision + 1, key, value));
            snapshot.bytes
        };
        assert_eq!(after("ab", Some("123")), 5 + ENTRY_BYTES);
        assert_eq!(after("c", Some("")), 6 + 2 * ENTRY_BYTES);
        assert_eq!(after("ab", Some("1")), 4 + 2 * ENTRY_BYTES);
        assert_eq!(after("missing", None), 4 + 2 * ENTRY_BYTES);
        assert_eq!(after("ab", None), 1 + ENTRY_BYTES);
        assert_eq!(after("c", None), 0);
    }

    #[test]
    fn a_loaded_snapshot_weighs_what_a_grown_one_does() {
        let mut grown = Snapshot::default();
        grown.apply(&change(1, "a", Some("1")));
        grown.apply(&change(2, "b", Some("22")));
        let all = KeyRange::Prefix(Key::user("")).bounds();
        let entries = grown.entries.range(all);
        let contents = StoreContents {
            revision: 2,
            entries: entries
                .map(|(key, entry)| (key.clone(), Arc::clone(entry)))
                .collect(),
            ..StoreContents::default()
        };
        assert_eq!(Snapshot::default().load(&contents).bytes, grown.bytes);
    }
}
