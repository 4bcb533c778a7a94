//! Views: the keyspace at one revision, as one caller may see it.

use imbl::OrdSet;
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use super::access::{AccessCaller, ListWalk};
use super::demand::Demand;
use super::directories::Directory;
use super::lookup::{Lookup, Scan};
use super::node_keys::built_in_record;
use super::snapshot::Snapshot;
use super::tree;
use super::visibility::{Coverage, LeaseRight, ViewClass, Visibility};
use crate::model::{AccessList, Entry, Key, KeyRange, Lease, LeaseId, Permissions, Verb};

/// So many entries are counted one by one before a walk is weighed by all there are.
const FEW: usize = 64;

/// The keyspace at one revision, as one caller may see it. Taking one costs nothing, and it never changes.
#[derive(Clone, Debug)]
pub struct View {
    snapshot: Arc<Snapshot>,
    visibility: Visibility,
    access: AccessCaller,
    purpose: ViewPurpose,
    /// What is kept from its caller because of what it holds. As with access lists, indexes take no notice of it.
    held_back: OrdSet<Key>,
}

/// What a view is taken for, which decides what must be allowed of a key for it to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ViewPurpose {
    /// Keys are read by name, and listed.
    Reads,
    /// Changes are delivered.
    Watches,
}

impl View {
    pub(crate) fn new(snapshot: Arc<Snapshot>, visibility: Visibility) -> Self {
        Self {
            snapshot,
            visibility,
            access: AccessCaller::Exempt,
            purpose: ViewPurpose::Reads,
            held_back: OrdSet::new(),
        }
    }

    /// The same for a client, without what a sieve keeps from it.
    pub(crate) fn sifted(self) -> Self {
        Self {
            held_back: self.snapshot.held_back().clone(),
            ..self
        }
    }

    fn holds_back(&self, key: &Key) -> bool {
        !self.held_back.is_empty() && self.held_back.contains(key)
    }

    /// The same to find out what changed: it shows what its caller may watch.
    #[must_use]
    pub fn to_watch(self) -> Self {
        Self {
            purpose: ViewPurpose::Watches,
            ..self
        }
    }

    /// What must be allowed of a key that is named.
    fn named(&self) -> Verb {
        match self.purpose {
            ViewPurpose::Reads => Verb::Read,
            ViewPurpose::Watches => Verb::Watch,
        }
    }

    /// What must be allowed of a key that is one of many.
    fn listed(&self) -> Verb {
        match self.purpose {
            ViewPurpose::Reads => Verb::List,
            ViewPurpose::Watches => Verb::Watch,
        }
    }

    /// Whether one of many keys is shown.
    fn lists(&self, key: &Key) -> bool {
        self.visibility.allows(self.listed(), key) && !self.holds_back(key)
    }

    /// The same for a caller whom access lists bind.
    pub(crate) fn bound_by_lists(self, access: AccessCaller) -> Self {
        Self { access, ..self }
    }

    /// The last commit in it, be it visible or not: etcd's `X-Etcd-Index`.
    pub fn revision(&self) -> u64 {
        self.snapshot.revision
    }

    /// About how much memory all entries take, be they visible or not, in bytes: keys, values and a constant for each.
    pub fn keyspace_bytes(&self) -> u64 {
        self.snapshot.bytes
    }

    /// When the key last changed: the main revision of its entry, else of its deletion, but not below
    /// [`View::index_floor`]. Stays put while nothing happens to the key. A hidden key was never there.
    pub fn key_index(&self, key: &Key) -> u64 {
        if self.visibility.allows(self.named(), key) {
            self.snapshot.key_index(key)
        } else {
            self.index_floor()
        }
    }

    /// When anything with this prefix that can be seen last changed or was deleted. Never falls, not even when the last
    /// entry goes. Where only a part can be seen, it costs as much as there are keys in the range.
    pub fn prefix_index(&self, prefix: &Key) -> u64 {
        let range = KeyRange::Prefix(prefix.clone());
        match self.covers(&range) {
            Coverage::All => self.snapshot.prefix_index(prefix),
            Coverage::None => self.index_floor(),
            Coverage::Part => {
                let entries = self.scan_seen(prefix, prefix);
                let entries = entries.map(|(_, entry)| entry.index());
                let deletions = self.deletions(&range).map(|(_, revision)| revision);
                let last = entries.chain(deletions).max();
                last.unwrap_or(0).max(self.index_floor())
            }
        }
    }

    /// When a lease that can be seen was last made, changed or ended. Never falls.
    pub fn leases_index(&self) -> u64 {
        if matches!(self.visibility, Visibility::All) {
            return self.snapshot.leases_index();
        }
        let made = self.leases().map(|(_, record)| record.index());
        let ended = self
            .snapshot
            .ended_leases
            .last_of(|owner| self.visibility.allows_lease(owner, LeaseRight::See));
        made.max().unwrap_or(0).max(ended).max(self.index_floor())
    }

    /// The last revision at which a deletion may have happened that is not remembered, or not at its own revision. The
    /// same for every caller.
    pub fn index_floor(&self) -> u64 {
        self.snapshot.index_floor()
    }

    /// Whether every deletion since an index can still be reported to a client that knows all before it. The same for
    /// every caller.
    pub fn knows_deletions_from(&self, index: u64) -> bool {
        self.snapshot.knows_deletions_from(index)
    }

    /// The keys deleted in this range and not written since, with the main revision of their deletion.
    pub fn deletions(&self, range: &KeyRange) -> impl Iterator<Item = (&Key, u64)> {
        self.snapshot
            .deleted_in(range.bounds())
            .filter(|(key, _)| self.lists(key))
    }

    /// As [`View::deletions`], from this key of the range on.
    pub fn deletions_from(
        &self,
        range: &KeyRange,
        from: &Key,
    ) -> impl Iterator<Item = (&Key, u64)> {
        self.snapshot
            .deleted_in((Bound::Included(from.clone()), range.bounds().1))
            .filter(|(key, _)| self.lists(key))
    }

    /// The entries of this range, in order, from this key of it on.
    pub fn entries_from(
        &self,
        range: &KeyRange,
        from: &Key,
    ) -> impl Iterator<Item = (&Key, &Arc<Entry>)> {
        self.snapshot
            .entries
            .range((Bound::Included(from.clone()), range.bounds().1))
            .filter(|(key, entry)| self.lists(key) && self.may_read(entry))
    }

    /// As [`View::entries_from`], without the entries that no tree can show: however many of them there are, they cost
    /// nothing.
    pub fn nodes_in(
        &self,
        range: &KeyRange,
        from: &Key,
    ) -> impl Iterator<Item = (&Key, &Arc<Entry>)> {
        self.snapshot
            .entries
            .shown_range((Bound::Included(from.clone()), range.bounds().1))
            .filter(|(key, entry)| self.lists(key) && self.may_read(entry))
    }

    /// The access lists of the entries in a range, by key.
    pub fn listed_in(&self, range: &KeyRange) -> impl Iterator<Item = (&Key, &AccessList)> {
        let listed = self.snapshot.listed_in(range);
        listed.filter_map(|key| {
            let entry = self.snapshot.entries.get(key)?;
            Some((key, entry.attrs().access()?)).filter(|_| self.lists(key))
        })
    }

    /// How many entries and remembered deletions a range has, hidden ones too, counted up to `most` of each: the cost of going
    /// through it, which no answer may show.
    pub fn count_up_to(&self, range: &KeyRange, most: usize) -> usize {
        let snapshot = &self.snapshot;
        let entries = snapshot.entries.range(range.bounds()).take(most);
        let deletions = snapshot.deleted_in(range.bounds()).take(most);
        entries.count() + deletions.count()
    }

    /// Whether the caller may see this key, be it there or not, and read its entry, if it is there.
    pub fn sees(&self, key: &Key) -> bool {
        let is_open = || {
            let entry = self.snapshot.entries.get(key);
            entry.is_none_or(|entry| self.may_read(entry))
        };
        self.visibility.allows(self.named(), key)
            && !self.holds_back(key)
            && (self.listing_address().is_none() || is_open())
    }

    /// Whether the caller may read what stands at a node's path; where nothing does, it may.
    pub fn reads_node(&self, path: &str) -> bool {
        let entry = || self.snapshot.node_entry(path.as_bytes());
        self.listing_address().is_none() || entry().is_none_or(|entry| self.may_read(entry))
    }

    /// Whether its caller sees the key, and may read the entry.
    fn shows(&self, key: &Key, entry: &Entry) -> bool {
        self.visibility.allows(self.named(), key) && self.may_read(entry) && !self.holds_back(key)
    }

    fn may_read(&self, entry: &Entry) -> bool {
        self.access.may(Permissions::READ, entry)
    }

    /// The caller's address, where a list may bind it at all.
    fn listing_address(&self) -> Option<IpAddr> {
        match self.access {
            AccessCaller::Address(address) if self.snapshot.has_lists() => Some(address),
            AccessCaller::Address(_) | AccessCaller::Exempt => None,
        }
    }

    fn walk(&self, prefix: &Key) -> Option<ListWalk<'_>> {
        ListWalk::new(&self.snapshot, self.listing_address()?, prefix)
    }

    /// Whether the caller has the right to this.
    pub fn meets(&self, demand: impl FnOnce() -> Demand) -> bool {
        !self.visibility.is_part() || demand().is_met(&self.visibility)
    }

    /// How much of everything that could be in the range is shown as one of many.
    pub fn covers(&self, range: &KeyRange) -> Coverage {
        self.visibility.covers(self.listed(), range)
    }

    /// What the caller may see of these ranges, by name.
    pub fn class(&self, ranges: &[KeyRange]) -> ViewClass {
        let address = self.listing_address();
        let is_bound = |range| self.snapshot.has_lists_in(range);
        let address = address.filter(|_| ranges.iter().any(is_bound));
        let verbs = [self.named(), self.listed()];
        let class = self.visibility.class(&verbs, ranges);
        class.bound_by_lists(address)
    }

    /// What the caller is to access lists.
    pub(crate) fn access(&self) -> AccessCaller {
        self.access
    }

    /// What clients of ZooKeeper set of a node that is always there, by its path; shown to those who may read the key that the
    /// path would be.
    pub(crate) fn built_in(&self, path: &str) -> Option<&Arc<Entry>> {
        let own = Key::user(path);
        let record = || self.snapshot.entries.get(&built_in_record(path));
        record().filter(|_| self.visibility.allows(self.named(), &own))
    }

    /// The rules for what the caller may see, by key.
    pub(crate) fn visibility(&self) -> &Visibility {
        &self.visibility
    }

    /// A lease by its name, with the entry of its record.
    pub fn lease(&self, id: LeaseId) -> Option<(Lease, &Arc<Entry>)> {
        self.shown(self.snapshot.entries.get(&id.record_key())?)
    }

    /// Every lease that can be seen, by name.
    pub fn leases(&self) -> impl Iterator<Item = (Lease, &Arc<Entry>)> {
        let records = KeyRange::Prefix(LeaseId::records());
        self.snapshot
            .entries
            .range(records.bounds())
            .filter_map(|(_, record)| self.shown(record))
    }

    /// The keys that end with a lease, in order, as far as they can be seen.
    pub fn bound_to(&self, lease: LeaseId) -> impl Iterator<Item = &Key> {
        let bound = self.snapshot.bound_to(lease);
        bound.filter(|key| self.lists(key))
    }

    /// The counts of the node at this path; the root's is empty. Where not all beneath it can be seen, only those children
    /// are counted that can be, and none that are gone; it costs as much as [`Self::cost_of_directory`] says then.
    pub fn directory(&self, path: &str) -> Directory {
        let beneath = tree::dir_prefix(path);
        let children = match self.covers(&KeyRange::Prefix(beneath.clone())) {
            Coverage::All => return self.snapshot.directory(path),
            Coverage::None => 0,
            Coverage::Part => tree::children(self, path).len(),
        };
        let children = u64::try_from(children).unwrap_or(u64::MAX);
        Directory {
            children,
            ever: children,
            changed: self.prefix_index(&beneath),
        }
    }

    /// About how many entries [`Self::directory`] walks: none unless a part of what is beneath the node can be seen.
    pub fn cost_of_directory(&self, path: &str) -> usize {
        let range = KeyRange::Prefix(tree::dir_prefix(path));
        if self.covers(&range) != Coverage::Part {
            return 0;
        }
        let bounds = range.bounds();
        let deleted = self.snapshot.deleted_in(bounds.clone());
        let all = self.snapshot.entries.range(bounds).map(|_| ());
        let few = all.chain(deleted.map(|_| ())).take(FEW).count();
        if few < FEW {
            few
        } else {
            self.snapshot.entries.len().max(FEW)
        }
    }

    /// How many children the node at this path has at most, those among them that cannot be seen.
    pub fn most_children(&self, path: &str) -> usize {
        let children = self.snapshot.directory(path).children;
        usize::try_from(children).unwrap_or(usize::MAX)
    }

    fn shown<'a>(&self, record: &'a Arc<Entry>) -> Option<(Lease, &'a Arc<Entry>)> {
        let lease = Lease::read(record.value())?;
        let seen = self.visibility.allows_lease(&lease.owner, LeaseRight::See);
        seen.then_some((lease, record))
    }
}

impl Lookup for View {
    fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.snapshot
            .entries
            .get(key)
            .filter(|entry| self.shows(key, entry))
    }

    fn first_node(&self, prefix: &Key, from: &Key) -> Option<(&Key, &Arc<Entry>)> {
        // Lists hide what an entry holds, not that something is there.
        self.nodes_seen(prefix, from).next()
    }

    fn nodes_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let seen = self.nodes_seen(prefix, from);
        match self.walk(prefix) {
            None => seen,
            Some(walk) => Box::new(seen.filter(move |(key, entry)| walk.shows(key, entry))),
        }
    }

    fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let seen = self.scan_seen(prefix, from);
        match self.walk(prefix) {
            None => seen,
            Some(walk) => Box::new(seen.filter(move |(key, entry)| walk.shows(key, entry))),
        }
    }
}

impl View {
    /// As [`View::scan_seen`], without the entries that no tree can show.
    fn nodes_seen(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let (_, end) = KeyRange::Prefix(prefix.clone()).bounds();
        let entries = self
            .snapshot
            .entries
            .shown_range((Bound::Included(from.clone()), end));
        Box::new(entries.filter(|(key, _)| self.lists(key)))
    }

    /// The entries whose keys the caller may see, whether their lists let it read them or not.
    fn scan_seen(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let range = KeyRange::Prefix(prefix.clone());
        let (_, end) = range.bounds();
        let entries = self
            .snapshot
            .entries
            .range((Bound::Included(from.clone()), end));
        if self.covers(&range) == Coverage::All && self.held_back.is_empty() {
            return Box::new(entries);
        }
        Box::new(entries.filter(|(key, _)| self.lists(key)))
    }
}
