//! One name: the object that has it, and the entry that is shown for it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::model::{Entry, Key};
use crate::store::kubernetes::definition::resource::SpecWriteId;

/// What is known of one name.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// The object, where there is one.
    pub(crate) object: Option<Known>,
    /// The entry that clients see. A transaction may show one before it has its object.
    pub(crate) shown: Option<(Key, Arc<Entry>)>,
}

/// What is known of an object.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) uid: String,
    pub(crate) version: u64,
    pub(crate) generation: i64,
    pub(crate) kept: Map<String, Value>,
    /// The write id it bears, whoever wrote it last.
    pub(crate) write_id: Option<SpecWriteId>,
    /// The revision of the transaction whose step its last write was.
    pub(crate) step: Option<u64>,
    pub(crate) state: State,
}

/// What an object stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The entry that is shown, or that is about to be: a step of a transaction may be on its way.
    Live,
    /// Nothing: its entry is deleted.
    Tombstone,
    /// Nothing: a gateway wrote it that did not lead any more.
    Void,
    /// Nothing: it cannot be read, or has another's name.
    Misfit,
    /// Nothing: somebody deleted it, and something holds it back.
    Dying,
}

impl Slot {
    /// Where the entry that is shown stands.
    pub(crate) fn entry(&self) -> Option<&Arc<Entry>> {
        self.shown.as_ref().map(|(_, entry)| entry)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.object.is_none() && self.shown.is_none()
    }
}
