//! Reading the keyspace as one caller may see it.

use std::ops::Bound;
use std::sync::Arc;

use super::admit::Visibility;
use super::lookup::{Lookup, Scan};
use super::snapshot::Snapshot;
use crate::model::{Entry, Key, KeyRange, Lease, LeaseId};

/// The keyspace at one revision, as one caller may see it. Taking one costs nothing, and it never changes.
#[derive(Clone, Debug)]
pub struct View {
    snapshot: Arc<Snapshot>,
    sight: Visibility,
}

impl View {
    pub(crate) fn new(snapshot: Arc<Snapshot>, sight: Visibility) -> Self {
        Self { snapshot, sight }
    }

    /// Whether its caller can see everything, so that what is made from it can be shown to any other who can.
    pub fn sees_all(&self) -> bool {
        matches!(self.sight, Visibility::All)
    }

    /// The last commit in it: etcd's `X-Etcd-Index`.
    pub fn revision(&self) -> u64 {
        self.snapshot.revision
    }

    /// When the key last changed: the main revision of its entry, else of its deletion, but not below
    /// [`View::index_floor`]. Stays put while nothing happens to the key.
    pub fn key_index(&self, key: &Key) -> u64 {
        self.snapshot.key_index(key)
    }

    /// When anything with this prefix last changed or was deleted. Never falls, not even when the last entry goes.
    pub fn prefix_index(&self, prefix: &Key) -> u64 {
        self.snapshot.prefix_index(prefix)
    }

    /// The last revision at which a deletion may have happened that is not remembered, or not at its own revision.
    pub fn index_floor(&self) -> u64 {
        self.snapshot.index_floor()
    }

    /// Whether a client that knows everything before an index can be told of everything that is gone since.
    pub fn knows_deletions_from(&self, index: u64) -> bool {
        self.snapshot.knows_deletions_from(index)
    }

    /// The keys deleted in this range and not written since, with the main revision of their deletion.
    pub fn deletions(&self, range: &KeyRange) -> impl Iterator<Item = (&Key, u64)> {
        self.snapshot
            .deletions
            .range(range.bounds())
            .filter(|(key, _)| self.sight.sees(key))
            .map(|(key, revision)| (key, *revision))
    }

    /// Whether the caller may see this key, be it there or not.
    pub fn sees(&self, key: &Key) -> bool {
        self.sight.sees(key)
    }

    /// A lease by its name, with the entry of its record.
    pub fn lease(&self, id: LeaseId) -> Option<(Lease, &Arc<Entry>)> {
        let entry = self.snapshot.entries.get(&id.record_key())?;
        Some((serde_json::from_slice(entry.value()).ok()?, entry))
    }

    /// Every lease, by name.
    pub fn leases(&self) -> impl Iterator<Item = (Lease, &Arc<Entry>)> {
        let records = KeyRange::Prefix(LeaseId::records());
        self.snapshot
            .entries
            .range(records.bounds())
            .filter_map(|(_, entry)| Some((serde_json::from_slice(entry.value()).ok()?, entry)))
    }
}

impl Lookup for View {
    fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.snapshot
            .entries
            .get(key)
            .filter(|_| self.sight.sees(key))
    }

    fn first(
        &self,
        prefix: &Key,
        from: &Key,
        wanted: fn(&Key) -> bool,
    ) -> Option<(&Key, &Arc<Entry>)> {
        self.scan_from(prefix, from).find(|(key, _)| wanted(key))
    }

    fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let (_, end) = KeyRange::Prefix(prefix.clone()).bounds();
        let range = (Bound::Included(from.clone()), end);
        let entries = self.snapshot.entries.range(range);
        match &self.sight {
            Visibility::All => Box::new(entries),
            Visibility::Only(sees) => Box::new(entries.filter(|(key, _)| sees(key))),
        }
    }
}
