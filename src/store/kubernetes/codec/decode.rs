//! What a single object says: its entry, its state, the lead's record, a journal.

use std::sync::Arc;

use super::journal::Journal;
use super::object::Object;
use crate::model::{Entry, Key, Mark, Record, Revision};
use crate::store::kubernetes::cache::object_cache::Lead;
use crate::store::kubernetes::cache::slot::{Known, State};

/// What an object stands for, if what wrote it was entitled to.
pub(crate) fn state_of(object: &Object, key: &Result<Key, String>) -> State {
    match (key, object.record()) {
        _ if object.dying => State::Dying,
        (Err(_), _) | (_, Err(_)) => State::Misfit,
        (Ok(_), Ok(None)) => State::Tombstone,
        (Ok(_), Ok(Some(_))) => State::Live,
    }
}

pub(crate) fn known(object: &Object, state: State) -> Known {
    Known {
        uid: object.uid.clone(),
        version: object.version,
        generation: object.generation,
        kept: object.kept.clone(),
        write_id: object.spec.as_ref().ok().and_then(|spec| spec.write_id),
        step: object
            .written_by()
            .and_then(|_| object.step())
            .map(|step| step.revision),
        state,
    }
}

pub(crate) fn read_lead(object: &Object) -> Option<Lead> {
    let record = object.record().ok()??;
    Some(Lead {
        record: serde_json::from_slice(&record.value).ok()?,
        uid: object.uid.clone(),
        version: object.version,
        generation: object.generation,
        kept: object.kept.clone(),
        stamped: object.written_by().is_some(),
    })
}

/// What is known of an object in the place of the lead's record that is none.
pub(crate) fn unreadable(object: &Object) -> Known {
    tracing::error!(
        object = object.name,
        "the record of the gateway that leads cannot be read; it is written anew when its time is over"
    );
    known(object, State::Misfit)
}

pub(crate) fn read_journal(object: &Object) -> Option<Journal> {
    Journal::unpack(&object.record().ok()??.value)
}

/// The entry an object holds, at its place on the line.
pub(crate) fn entry(
    object: &Object,
    at: u64,
    before: Option<&Entry>,
    ours: bool,
) -> Option<Arc<Entry>> {
    let mut record = object.record().ok()??;
    if !ours && let Some(before) = before {
        counters_go_on(&mut record, before);
    }
    let step = object.step();
    let modified = match step {
        Some(step) if object.written_by().is_some() => Revision::new(step.revision, step.sub),
        _ => Revision::new(at, 0),
    };
    Some(Arc::new(Entry { record, modified }))
}

/// An old copy of an object sets none of its counters back.
fn counters_go_on(record: &mut Record, before: &Entry) {
    let attrs = &mut record.attrs;
    if attrs.created == Mark::ThisWrite {
        attrs.created = Mark::At(before.created());
    }
    if attrs.placed == Mark::ThisWrite {
        attrs.placed = Mark::At(before.placed());
    }
    attrs.version = attrs.version.max(before.attrs().version.saturating_add(1));
    attrs.lock_index = attrs.lock_index.max(before.attrs().lock_index);
}
