//! Classification of a change to an entry's object: stale write, step of a transaction, or effective change.
//!
//! A write is stale if the term in its write id is lower than the one in force: a former leader sent it, and the API
//! server accepted it after the term had ended. Every gateway ignores it, whatever order requests arrived in.

use super::slot::{CachedObject, ObjectState};
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::definition::resource::SpecWriteId;

/// A change of an entry's object, classified.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ObjectChange {
    pub(crate) kind: ChangeKind,
    /// The write id, if the change brought a new one; an external write brings none.
    pub(crate) write_id: Option<SpecWriteId>,
    /// What the object stands for from now on.
    pub(crate) state: ObjectState,
}

/// What a change of an entry's object means for the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// A write of an earlier term: it changes nothing.
    StaleWrite,
    /// Nothing changes: an external write touched the metadata alone, of a stale write or of a step.
    NoEffect,
    /// A step of a transaction, whose journal was delivered as the commit before.
    Step,
    /// The object says what the entry is now.
    Effective,
}

impl ObjectChange {
    /// Classifies an object against what the cache holds of it. `decoded` is the object's state if it is not stale;
    /// `term` is the one in force.
    pub(crate) fn classify(
        object: &EntryObject,
        decoded: ObjectState,
        cached: Option<&CachedObject>,
        term: u64,
    ) -> Self {
        let write_id = object
            .written_by()
            .filter(|write_id| cached.and_then(|cached| cached.write_id) != Some(*write_id));
        let unchanged = cached.filter(|cached| cached.generation == object.generation);
        if write_id.is_some_and(|write_id| write_id.term < term) {
            return Self {
                kind: ChangeKind::StaleWrite,
                write_id,
                state: ObjectState::Stale,
            };
        }
        if unchanged.is_some_and(|cached| cached.state == ObjectState::Stale) {
            return Self {
                kind: ChangeKind::NoEffect,
                write_id,
                state: ObjectState::Stale,
            };
        }
        // The entry of a step has the transaction's revision, not the object's: a change of the metadata alone
        // does not move it.
        let metadata_of_step = write_id.is_none()
            && unchanged.is_some_and(|cached| cached.step.is_some() && cached.state == decoded);
        let kind = if metadata_of_step {
            ChangeKind::NoEffect
        } else if write_id.is_some() && object.is_step() {
            ChangeKind::Step
        } else {
            ChangeKind::Effective
        };
        Self {
            kind,
            write_id,
            state: decoded,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// An object of a generation, with the term and generation of its write id.
    fn object(generation: i64, write_id: (u64, i64), step: Option<u64>) -> EntryObject {
        let mut spec = json!({"key": "a", "stamp": {"term": write_id.0, "sequence": 1, "generation": write_id.1}});
        if let Some(revision) = step {
            spec["step"] = json!({"revision": revision, "sub": 0});
        }
        let metadata: Value =
            json!({"name": "x", "uid": "u", "resourceVersion": "7", "generation": generation});
        EntryObject::read(&json!({"metadata": metadata, "spec": spec}).to_string()).unwrap()
    }

    fn kind(
        object: &EntryObject,
        cached: Option<(&EntryObject, ObjectState)>,
        term: u64,
    ) -> ChangeKind {
        let cached = cached.map(|(object, state)| CachedObject::of(object, state));
        let change = ObjectChange::classify(object, ObjectState::Live, cached.as_ref(), term);
        let stale = change.kind == ChangeKind::StaleWrite;
        assert!(!stale || change.state == ObjectState::Stale);
        change.kind
    }

    #[test]
    fn write_of_earlier_term_is_stale_until_next_write() {
        let late = object(2, (3, 2), None);
        assert_eq!(kind(&late, None, 3), ChangeKind::Effective);
        assert_eq!(kind(&late, None, 4), ChangeKind::StaleWrite);
        // A label added by kubectl does not make it effective; an edit of the spec does.
        let stale = Some((&late, ObjectState::Stale));
        assert_eq!(kind(&late, stale, 4), ChangeKind::NoEffect);
        let edited = object(3, (3, 2), None);
        assert_eq!(kind(&edited, stale, 4), ChangeKind::Effective);
    }

    #[test]
    fn step_is_no_change_of_its_own() {
        let step = object(2, (3, 2), Some(5));
        assert_eq!(kind(&step, None, 3), ChangeKind::Step);
        let cached = Some((&step, ObjectState::Live));
        assert_eq!(kind(&step, cached, 3), ChangeKind::NoEffect);
        let cached = Some((&step, ObjectState::Tombstone));
        assert_eq!(kind(&step, cached, 3), ChangeKind::Effective);
        // An external write leaves the write id and the step in place; it counts, and is no step.
        let edited = object(3, (3, 2), Some(5));
        let cached = Some((&step, ObjectState::Live));
        assert_eq!(kind(&edited, cached, 3), ChangeKind::Effective);
    }
}
