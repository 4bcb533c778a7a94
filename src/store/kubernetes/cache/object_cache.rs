//! The object cache: every object of the namespace, and every entry that clients see.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::leader_object::{LastLeader, LeaderObject};
use super::slot::{CacheSlot, CachedObject, ObjectState};
use super::transactions::{CommittedTransaction, Transactions};
use crate::model::{Change, Commit, Entry, Key};
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::shared::watched_state::NeedsCleanup;

/// Every object and every entry, as of the last event of the watch.
#[derive(Debug, Default)]
pub(crate) struct ObjectCache {
    /// An index is a resourceVersion plus this.
    pub(crate) offset: u64,
    /// The resourceVersion of the last event.
    pub(crate) version: u64,
    pub(crate) leader: Option<LeaderObject>,
    /// An object that has the leader record's name and cannot be read: the next leader replaces it.
    pub(crate) unreadable_leader: Option<CachedObject>,
    /// The term in force, even after somebody deleted the leader record.
    pub(super) term: u64,
    pub(crate) slots: HashMap<String, CacheSlot>,
    pub(crate) transactions: Transactions,
    /// Names of invalid objects.
    pub(crate) invalid: BTreeSet<String>,
    /// Names of tombstones to remove, and of stale writes to overwrite or remove.
    pub(crate) to_clean: BTreeSet<String>,
}

impl NeedsCleanup for ObjectCache {
    fn needs_cleanup(&self) -> bool {
        !(self.transactions.is_empty() && self.to_clean.is_empty())
    }
}

impl ObjectCache {
    /// A cache at a list's resourceVersion, before the listed objects are added. `before` counts if the leader record
    /// was deleted.
    pub(crate) fn new(version: u64, leader: Option<LeaderObject>, before: LastLeader) -> Self {
        let record = leader.as_ref().map(|leader| &leader.record);
        Self {
            offset: record.map_or(before.offset, |record| record.offset),
            term: record.map_or(before.term, |record| record.term),
            version,
            leader,
            ..Self::default()
        }
    }

    /// The index of the last event.
    pub(crate) fn index(&self) -> u64 {
        self.version + self.offset
    }

    /// What the next full list needs of the last leader record.
    pub(crate) fn last_leader(&self) -> LastLeader {
        LastLeader {
            offset: self.offset,
            term: self.term,
        }
    }

    /// The entry that clients see for a key.
    pub(crate) fn entry(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.slots.get(&name::of(key))?.entry()
    }

    /// The object of a name.
    pub(crate) fn object(&self, name: &str) -> Option<&CachedObject> {
        self.slots.get(name)?.object.as_ref()
    }

    /// Sets the entry that clients see; `None` if it is deleted.
    pub(super) fn show(&mut self, name: &str, key: &Key, now: Option<Arc<Entry>>) {
        let slot = self.slots.entry(name.to_owned()).or_default();
        slot.visible = now.map(|entry| (key.clone(), entry));
        if slot.is_empty() {
            self.slots.remove(name);
        }
    }

    /// Commits a transaction, without the changes that later writes replaced.
    pub(crate) fn commit_transaction(
        &mut self,
        journal: &EntryObject,
        mut commit: Commit,
        is_replaced: impl Fn(&Change) -> bool,
    ) -> Arc<Commit> {
        let names = commit.changes.iter().map(|change| name::of(&change.key));
        let involved = names.collect();
        commit.changes.retain(|change| !is_replaced(change));
        let commit = Arc::new(commit);
        let mut steps = BTreeMap::new();
        for (at, change) in commit.changes.iter().enumerate() {
            let name = name::of(&change.key);
            self.show(&name, &change.key, change.now.clone());
            steps.insert(name, at);
        }
        self.transactions.insert(CommittedTransaction::new(
            journal,
            Arc::clone(&commit),
            steps,
            involved,
        ));
        commit
    }

    /// Notes whether an object needs cleanup, and whether it is invalid.
    pub(crate) fn note_state(&mut self, object: &EntryObject, state: ObjectState) {
        if matches!(state, ObjectState::Tombstone | ObjectState::Stale) {
            self.to_clean.insert(object.name.clone());
        } else {
            self.to_clean.remove(&object.name);
        }
        if state != ObjectState::Invalid {
            self.invalid.remove(&object.name);
        } else if self.invalid.insert(object.name.clone()) {
            let why = object
                .key()
                .map(|_| ())
                .and_then(|()| object.record().map(|_| ()));
            let why = why.err().unwrap_or_default();
            tracing::error!(
                object = object.name,
                why,
                "this object is not a valid entry and is ignored: clients do not see it; repair or delete it"
            );
        }
    }

    /// Forgets what [`Self::note_state`] noted of an object that was deleted.
    pub(super) fn forget_state(&mut self, name: &str) {
        self.invalid.remove(name);
        self.to_clean.remove(name);
    }
}
