//! Decoding of one object: its entry, or the journal it holds.

use std::sync::Arc;

use super::journal::TransactionJournal;
use super::object::EntryObject;
use crate::model::{Entry, Mark, Record, Revision};

/// The journal that an object holds.
pub(crate) fn decode_journal(object: &EntryObject) -> Option<TransactionJournal> {
    TransactionJournal::unpack(&object.record().ok()??.value)
}

/// The entry that an object holds. Its revision is `at`, or that of the transaction whose step the write was. `ours` says
/// that a gateway wrote it.
pub(crate) fn decode_entry(
    object: &EntryObject,
    at: u64,
    before: Option<&Entry>,
    ours: bool,
) -> Option<Arc<Entry>> {
    let mut record = object.record().ok()??;
    if !ours && let Some(before) = before {
        continue_counters(&mut record, before);
    }
    let step = object.step();
    let modified = match step {
        // A step comes after its transaction: a later one was written by hand, and would raise all indexes.
        Some(step) if object.written_by().is_some() && step.revision <= at => {
            Revision::new(step.revision, step.sub)
        }
        _ => Revision::new(at, 0),
    };
    Some(Arc::new(Entry { record, modified }))
}

/// Keeps counters from going backwards: an external write may be an old copy of the object.
fn continue_counters(record: &mut Record, before: &Entry) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Attrs;

    #[test]
    fn step_of_a_transaction_to_come_is_none() {
        let entry = |revision: u64| {
            let metadata =
                json!({"name": "x", "uid": "u", "resourceVersion": "9", "generation": 2});
            let spec = json!({"key": "a", "value": "v", "step": {"revision": revision, "sub": 1},
                "stamp": {"term": 1, "sequence": 1, "generation": 2}});
            let object = json!({"metadata": metadata, "spec": spec}).to_string();
            let object = EntryObject::read(&object).unwrap();
            decode_entry(&object, 9, None, true).unwrap().modified
        };
        assert_eq!(entry(8), Revision::new(8, 1));
        assert_eq!(entry(1 << 60), Revision::new(9, 0));
    }

    #[test]
    fn external_write_sets_no_counter_back() {
        let metadata = json!({"name": "x", "uid": "u", "resourceVersion": "9", "generation": 2});
        let copy = json!({"key": "a", "attributes": {"version": 2, "lockIndex": 1}});
        let copy = json!({"metadata": metadata, "spec": copy}).to_string();
        let copy = EntryObject::read(&copy).unwrap();
        let attrs = Attrs {
            version: 7,
            lock_index: 3,
            created: Mark::At(4),
            placed: Mark::At(5),
            ..Attrs::default()
        };
        let before = Entry {
            record: Record {
                attrs,
                ..Record::default()
            },
            modified: Revision::new(8, 0),
        };
        let external = decode_entry(&copy, 9, Some(&before), false).unwrap();
        let attrs = external.attrs();
        assert_eq!((attrs.version, attrs.lock_index), (8, 3));
        assert_eq!((external.created(), external.placed()), (4, 5));
        let ours = decode_entry(&copy, 9, Some(&before), true).unwrap();
        assert_eq!((ours.attrs().version, ours.created()), (2, 9));
    }
}
