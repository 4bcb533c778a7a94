//! Proposals and commits: a change as it is proposed to a store, and as it happened.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Entry, Key, Record};

/// Why something changed, in the words of etcd v2's events (`action`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Written, whatever was there.
    #[default]
    Set,
    /// Written because nothing was there.
    Create,
    /// Written because something was there.
    Update,
    /// Written because it was as the client expected.
    CompareAndSwap,
    /// Deleted.
    Delete,
    /// Deleted because it was as the client expected.
    CompareAndDelete,
    /// Its TTL or its lease ended.
    Expire,
    /// Its TTL began again and nothing else changed: etcd v2 makes no event of it.
    Refresh,
}

/// The key that a write is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This key.
    Key(Key),
    /// A new key under this one, named by the commit's own main revision as 20 decimal digits (etcd v2's in-order
    /// keys, whose name is their `createdIndex`). The parent is given with its trailing slash.
    InOrder(Key),
}

/// One write of a proposal. No two writes of a proposal are aimed at the same key.
#[derive(Clone, Debug)]
pub struct Write {
    /// Where.
    pub target: Target,
    /// The precondition, and what a log keeps as the previous value: the entry that must still be there, at this very
    /// revision, or `None` where none may be.
    pub before: Option<Arc<Entry>>,
    /// The new record, or `None` to delete.
    pub put: Option<Record>,
}

/// Writes to be made together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Proposal {
    /// Why.
    pub cause: Cause,
    /// The tree node that was acted on as a whole, where that is not each key by itself (a recursive delete).
    pub subject: Option<Key>,
    /// The writes, in order.
    pub writes: Vec<Write>,
}

/// What a commit did to one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which.
    pub key: Key,
    /// The entry from here on; `None` where it was deleted.
    pub now: Option<Arc<Entry>>,
    /// The entry it replaced, where the store knows; the keyspace fills it in from its view.
    pub before: Option<Arc<Entry>>,
}

/// A change of the keyspace that happened: its parts share one main revision and travel together.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// The main revision.
    pub revision: u64,
    /// Why.
    pub cause: Cause,
    /// As in [`Proposal::subject`].
    pub subject: Option<Key>,
    /// The changes, by sub revision.
    pub changes: Vec<Change>,
}

impl Commit {
    /// How much memory its keys and values take, roughly, in bytes.
    pub fn weight(&self) -> usize {
        let entry = |entry: &Option<Arc<Entry>>| {
            entry.as_ref().map_or(0, |entry| {
                entry.value().len() + entry.attrs().extra_memory_bytes() + 256
            })
        };
        let change = |change: &Change| {
            change.key.as_bytes().len() + entry(&change.now) + entry(&change.before)
        };
        self.changes.iter().map(change).sum::<usize>() + 128
    }

    /// The keys that it deletes.
    pub(crate) fn deleted_keys(&self) -> impl Iterator<Item = &Key> {
        let gone = self.changes.iter().filter(|change| change.now.is_none());
        gone.map(|change| &change.key)
    }

    /// Whether it writes an entry with an access list.
    pub fn has_lists(&self) -> bool {
        let has_list = |entry: &Arc<Entry>| entry.attrs().access().is_some();
        self.changes
            .iter()
            .any(|change| change.now.as_ref().is_some_and(has_list))
    }

    /// The entry that this commit gave the key.
    pub fn entry(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.changes
            .iter()
            .find(|change| change.key == *key)
            .and_then(|change| change.now.as_ref())
    }
}
