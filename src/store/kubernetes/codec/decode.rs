//! Decoding of one object: its entry, or the journal it holds.

use std::sync::Arc;

use super::journal::TransactionJournal;
use super::object::EntryObject;
use crate::model::{Entry, Mark, Record, Revision};

/// The journal that an object holds.
pub(crate) fn decode_journal(object: &EntryObject) -> Option<TransactionJournal> {
    TransactionJournal::unpack(&object.record().ok()??.value)
}

/// The entry that an external write continues.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContinuedEntry<'a> {
    /// The entry.
    pub(crate) entry: &'a Entry,
    /// Whether the write changed the object's spec, and not just its metadata.
    pub(crate) is_edit: bool,
}

/// The entry that an object holds. Its revision is `at`, or that of the transaction whose step the write was. `before` is
/// the entry that an external write was seen to replace.
pub(crate) fn decode_entry(
    object: &EntryObject,
    at: u64,
    before: Option<ContinuedEntry<'_>>,
) -> Option<Arc<Entry>> {
    let mut record = object.record().ok()??;
    // Each edit by hand counts as a write. A gateway that lists the object and saw none of them counts the same.
    let version = record.attrs.version;
    record.attrs.version = version.saturating_add(object.edits_since_write());
    if let Some(before) = before {
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
fn continue_counters(record: &mut Record, before: ContinuedEntry<'_>) {
    let ContinuedEntry {
        entry: before,
        is_edit,
    } = before;
    let attrs = &mut record.attrs;
    if attrs.created == Mark::ThisWrite {
        attrs.created = Mark::At(before.created());
    }
    if attrs.placed == Mark::ThisWrite {
        attrs.placed = Mark::At(before.placed());
    }
    let counted = before.attrs().version.saturating_add(u64::from(is_edit));
    attrs.version = attrs.version.max(counted);
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
            decode_entry(&object, 9, None).unwrap().modified
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
        let continued = |is_edit| ContinuedEntry {
            entry: &before,
            is_edit,
        };
        let external = decode_entry(&copy, 9, Some(continued(true))).unwrap();
        let attrs = external.attrs();
        assert_eq!((attrs.version, attrs.lock_index), (8, 3));
        assert_eq!((external.created(), external.placed()), (4, 5));
        let labelled = decode_entry(&copy, 9, Some(continued(false))).unwrap();
        assert_eq!(labelled.attrs().version, 7);
        let ours = decode_entry(&copy, 9, None).unwrap();
        assert_eq!((ours.attrs().version, ours.created()), (2, 9));
    }

    /// An object that was edited so many times since a gateway wrote the version 5 of its entry.
    fn edited(times: i64) -> EntryObject {
        let metadata =
            json!({"name": "x", "uid": "u", "resourceVersion": "9", "generation": 3 + times});
        let spec = json!({"key": "a", "value": "v", "attributes": {"version": 5},
            "stamp": {"term": 1, "sequence": 1, "generation": 3}});
        EntryObject::read(&json!({"metadata": metadata, "spec": spec}).to_string()).unwrap()
    }

    #[test]
    fn each_edit_by_hand_is_a_version_for_who_watched_and_who_lists() {
        let mut watched = decode_entry(&edited(0), 9, None).unwrap();
        for times in 1..4 {
            let object = edited(times);
            let before = ContinuedEntry {
                entry: &watched,
                is_edit: true,
            };
            watched = decode_entry(&object, 9, Some(before)).unwrap();
            let listed = decode_entry(&object, 9, None).unwrap();
            let versions = (watched.attrs().version, listed.attrs().version);
            let version = 5 + times.unsigned_abs();
            assert_eq!(versions, (version, version));
        }
    }

    #[test]
    fn edit_by_hand_after_the_access_list_was_set_is_data() {
        let object = |generation: i64| {
            let metadata =
                json!({"name": "x", "uid": "u", "resourceVersion": "9", "generation": generation});
            let znode = json!({"acl": [{"perms": 1, "scheme": "ip", "id": "::1"}], "null": 5,
                "data": {"version": 5, "revision": 2}});
            let spec = json!({"key": "a", "attributes": {"version": 5, "other": {"znode": znode}},
                "stamp": {"term": 1, "sequence": 1, "generation": 3}});
            let object = json!({"metadata": metadata, "spec": spec}).to_string();
            decode_entry(&EntryObject::read(&object).unwrap(), 9, None).unwrap()
        };
        assert_eq!((object(3).data_index(), object(3).data()), (2, None));
        let edited = object(4);
        assert_eq!((edited.data_index(), edited.data()), (9, Some(&"".into())));
        assert!(edited.attrs().access().is_some());
    }
}
