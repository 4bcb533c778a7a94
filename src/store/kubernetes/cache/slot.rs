//! Cache slots: for each object name, the object and the entry that clients see.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::model::{Entry, Key};
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::definition::resource::SpecWriteId;

/// The object of one name, and the entry that clients see for it.
#[derive(Debug, Default)]
pub(crate) struct CacheSlot {
    /// The object, if it exists.
    pub(crate) object: Option<CachedObject>,
    /// The entry that clients see. A transaction makes it visible before the object is written.
    pub(crate) visible: Option<(Key, Arc<Entry>)>,
}

/// What the cache remembers of an object: enough to replace or remove it.
#[derive(Clone, Debug)]
pub(crate) struct CachedObject {
    pub(crate) uid: String,
    /// Its resourceVersion.
    pub(crate) version: u64,
    pub(crate) generation: i64,
    /// The metadata of other programs, which a replacement keeps.
    pub(crate) kept_metadata: Map<String, Value>,
    /// The write id in its spec, even if an external write left it there.
    pub(crate) write_id: Option<SpecWriteId>,
    /// The revision of the transaction, if the last write was a step of one.
    pub(crate) step: Option<u64>,
    pub(crate) state: ObjectState,
}

/// What an object stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectState {
    /// The visible entry, or the one before it while a step of a transaction is on its way.
    Live,
    /// No entry: it was deleted, and cleanup removes the object.
    Tombstone,
    /// No entry: its last write is stale. Cleanup writes the visible entry again, or removes the object.
    Stale,
    /// No entry: the object cannot be read, or its name belongs to another key.
    Invalid,
    /// No entry: the object was deleted, and a finalizer delays its removal.
    Deleting,
}

impl CacheSlot {
    /// The entry that clients see.
    pub(crate) fn entry(&self) -> Option<&Arc<Entry>> {
        self.visible.as_ref().map(|(_, entry)| entry)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.object.is_none() && self.visible.is_none()
    }
}

impl CachedObject {
    pub(crate) fn of(object: &EntryObject, state: ObjectState) -> Self {
        Self {
            uid: object.uid.clone(),
            version: object.version,
            generation: object.generation,
            kept_metadata: object.kept_metadata.clone(),
            write_id: object.spec.as_ref().ok().and_then(|spec| spec.write_id),
            step: object
                .written_by()
                .and_then(|_| object.step())
                .map(|step| step.revision),
            state,
        }
    }

    /// The revision of its entry: a step of a transaction has the transaction's.
    pub(crate) fn revision(&self, offset: u64) -> u64 {
        self.step.unwrap_or(self.version + offset)
    }
}

impl ObjectState {
    /// The state of an object whose last write is not stale; `key` as read from it.
    pub(crate) fn of(object: &EntryObject, key: &Result<Key, String>) -> Self {
        match (key, object.record()) {
            _ if object.deleting => Self::Deleting,
            (Err(_), _) | (_, Err(_)) => Self::Invalid,
            (Ok(_), Ok(None)) => Self::Tombstone,
            (Ok(_), Ok(Some(_))) => Self::Live,
        }
    }
}
