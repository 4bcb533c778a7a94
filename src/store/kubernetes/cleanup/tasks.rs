//! Cleanup tasks: the next steps of committed transactions, and the journals, tombstones and stale writes to remove.

use crate::model::Revision;
use crate::store::kubernetes::cache::object_cache::ObjectCache;
use crate::store::kubernetes::cache::slot::ObjectState;
use crate::store::kubernetes::cache::transactions::CommittedTransaction;
use crate::store::kubernetes::codec::spec::encode_step;
use crate::store::kubernetes::send::write_request::WriteRequest;
use crate::store::shared::write_ids::WriteIds;

/// One request of the cleanup.
#[derive(Debug)]
pub(crate) enum CleanupTask {
    Write(WriteRequest),
    Remove {
        name: String,
        uid: String,
        version: u64,
    },
}

/// Every task that the cache holds now.
pub(crate) fn tasks(objects: &ObjectCache, write_ids: &WriteIds) -> Vec<CleanupTask> {
    let obsolete = objects.transactions.obsolete();
    let mut tasks: Vec<CleanupTask> = obsolete
        .map(|(name, journal)| remove(name, &journal.uid, journal.version))
        .collect();
    for transaction in objects.transactions.committed() {
        if transaction.steps.is_empty() {
            tasks.push(remove(
                &transaction.name,
                &transaction.uid,
                transaction.version,
            ));
        }
        let steps = transaction.steps.iter();
        tasks.extend(
            steps.filter_map(|(name, at)| step(objects, write_ids, transaction, name, *at)),
        );
    }
    let names = objects.to_clean.iter();
    tasks.extend(names.filter_map(|name| object_task(objects, write_ids, name)));
    tasks
}

fn remove(name: &str, uid: &str, version: u64) -> CleanupTask {
    CleanupTask::Remove {
        name: name.to_owned(),
        uid: uid.to_owned(),
        version,
    }
}

/// The next step of a transaction for one object, unless a later transaction writes that object too.
fn step(
    objects: &ObjectCache,
    write_ids: &WriteIds,
    transaction: &CommittedTransaction,
    name: &str,
    at: usize,
) -> Option<CleanupTask> {
    let main = transaction.commit.revision;
    if objects.transactions.has_later_step(name, main) {
        return None;
    }
    let change = transaction.commit.changes.get(at)?;
    let now = change.now.as_deref();
    let sub = u32::try_from(at).unwrap_or(u32::MAX);
    let deleted_at = Revision::new(main, sub);
    let spec = encode_step(&change.key, now, now.map_or(deleted_at, |now| now.modified));
    let write_id = Some(write_ids.next()?);
    let cached = objects.object(name);
    let request = WriteRequest::new(&change.key, spec, write_id, cached);
    Some(CleanupTask::Write(request))
}

/// The task for a tombstone or a stale write.
fn object_task(objects: &ObjectCache, write_ids: &WriteIds, name: &str) -> Option<CleanupTask> {
    // While a transaction that changes the entry is in the cluster, its tombstone shows a gateway that loads that the
    // entry was deleted since.
    if objects.transactions.involve(name) {
        return None;
    }
    let slot = objects.slots.get(name)?;
    let cached = slot.object.as_ref()?;
    match (&slot.visible, cached.state) {
        (Some((key, entry)), ObjectState::Stale) => {
            let spec = encode_step(key, Some(entry), entry.modified);
            let write_id = Some(write_ids.next()?);
            let request = WriteRequest::new(key, spec, write_id, Some(cached));
            Some(CleanupTask::Write(request))
        }
        (None, ObjectState::Stale | ObjectState::Tombstone) => {
            Some(remove(name, &cached.uid, cached.version))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Key;
    use crate::store::kubernetes::cache::apply::WatchEvent;
    use crate::store::kubernetes::cache::leader_object::{LastLeader, LeaderObject};
    use crate::store::kubernetes::codec::name;
    use crate::store::kubernetes::codec::object::EntryObject;
    use crate::store::shared::election::leader_record::LeaderRecord;

    fn object(key: &Key, version: u64, spec: &Value) -> EntryObject {
        let metadata = json!({"name": name::of(key), "uid": key.to_string(), "resourceVersion": version.to_string(),
            "generation": version});
        EntryObject::read(&json!({"metadata": metadata, "spec": spec}).to_string()).unwrap()
    }

    /// A cache in term 9.
    fn cache() -> ObjectCache {
        let record = LeaderRecord {
            term: 9,
            ..LeaderRecord::default()
        };
        let value = serde_json::to_string(&record).unwrap();
        let spec = json!({"key": "lead", "realm": "system", "value": value});
        let leader = LeaderObject::read(&object(&LeaderRecord::key(), 1, &spec));
        ObjectCache::new(1, leader, LastLeader::default())
    }

    fn spec(value: Option<&str>, term: u64, generation: u64) -> Value {
        json!({"key": "a", "value": value, "deleted": value.is_none(),
            "stamp": {"term": term, "sequence": generation, "generation": generation}})
    }

    #[test]
    fn stale_write_is_overwritten_with_the_visible_entry() {
        let (mut objects, key) = (cache(), Key::user("a"));
        objects.apply(WatchEvent::Written(object(
            &key,
            5,
            &spec(Some("valid"), 9, 5),
        )));
        objects.apply(WatchEvent::Written(object(
            &key,
            6,
            &spec(Some("stale"), 8, 6),
        )));
        let write_ids = WriteIds::default();
        assert!(
            tasks(&objects, &write_ids).is_empty(),
            "only a leader writes"
        );
        write_ids.enter(9);
        let tasks = tasks(&objects, &write_ids);
        let [CleanupTask::Write(request)] = tasks.as_slice() else {
            panic!("{tasks:?}");
        };
        assert_eq!(request.replaced, Some(6));
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(sent["spec"]["value"], "valid");
        assert_eq!(sent["spec"]["step"]["revision"], 5, "its revision stays");
    }

    #[test]
    fn tombstone_and_stale_write_without_entry_are_removed() {
        let (mut objects, key) = (cache(), Key::user("a"));
        objects.apply(WatchEvent::Written(object(&key, 5, &spec(None, 9, 5))));
        let write_ids = WriteIds::default();
        let versions = |objects: &ObjectCache| -> Vec<u64> {
            let tasks = tasks(objects, &write_ids).into_iter();
            let version = |task| match task {
                CleanupTask::Remove { version, .. } => version,
                CleanupTask::Write(request) => panic!("{request:?}"),
            };
            tasks.map(version).collect()
        };
        assert_eq!(versions(&objects), [5]);
        objects.apply(WatchEvent::Written(object(&key, 6, &spec(Some("x"), 8, 6))));
        assert_eq!(versions(&objects), [6]);
        objects.apply(WatchEvent::Deleted(object(&key, 7, &spec(Some("x"), 8, 6))));
        assert!(versions(&objects).is_empty());
    }
}
