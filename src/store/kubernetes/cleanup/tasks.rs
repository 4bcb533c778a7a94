//! Cleanup tasks: the next steps of committed transactions, and the journals, tombstones and stale writes to remove.

use std::ops::Bound;

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

/// The most tasks of one look at the cache: while they are made, nothing that the watch delivers is taken in.
const AT_ONCE: usize = 256;

/// The most that is looked at for them.
const MOST_LOOKED_AT: usize = 4 * AT_ONCE;

/// One round through everything that the cache holds to be done: how far it is.
#[derive(Debug, Default)]
pub(crate) struct CleanupRound {
    /// The last journal that was looked at of those to be removed.
    journal: Option<String>,
    /// The next transaction, and the last of its steps that was looked at.
    revision: u64,
    step: Option<String>,
    /// The last object that was looked at.
    object: Option<String>,
    looked_at: usize,
}

impl CleanupRound {
    /// The next tasks; `None` when the round is over.
    pub(crate) fn next(
        &mut self,
        objects: &ObjectCache,
        write_ids: &WriteIds,
    ) -> Option<Vec<CleanupTask>> {
        self.looked_at = 0;
        let mut tasks = Vec::new();
        let is_over = self.journals(objects, &mut tasks)
            && self.transactions(objects, write_ids, &mut tasks)
            && self.objects(objects, write_ids, &mut tasks);
        (!is_over || !tasks.is_empty()).then_some(tasks)
    }

    /// Whether one more may be looked at.
    fn looks(&mut self, tasks: &[CleanupTask]) -> bool {
        self.looked_at += 1;
        self.looked_at <= MOST_LOOKED_AT && tasks.len() < AT_ONCE
    }

    fn journals(&mut self, objects: &ObjectCache, tasks: &mut Vec<CleanupTask>) -> bool {
        let last = self.journal.clone();
        for (name, journal) in objects.transactions.obsolete_after(last.as_deref()) {
            if !self.looks(tasks) {
                return false;
            }
            tasks.push(remove(name, &journal.uid, journal.version));
            self.journal = Some(name.clone());
        }
        true
    }

    fn transactions(
        &mut self,
        objects: &ObjectCache,
        write_ids: &WriteIds,
        tasks: &mut Vec<CleanupTask>,
    ) -> bool {
        for (revision, transaction) in objects.transactions.committed_from(self.revision) {
            if revision > self.revision {
                (self.revision, self.step) = (revision, None);
            }
            if transaction.steps.is_empty() {
                if !self.looks(tasks) {
                    return false;
                }
                let CommittedTransaction {
                    name, uid, version, ..
                } = transaction;
                tasks.push(remove(name, uid, *version));
            }
            let last = self.step.clone();
            let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let steps = transaction.steps.range::<str, _>((from, Bound::Unbounded));
            for (name, at) in steps {
                if !self.looks(tasks) {
                    return false;
                }
                tasks.extend(step(objects, write_ids, transaction, name, *at));
                self.step = Some(name.clone());
            }
            (self.revision, self.step) = (revision.saturating_add(1), None);
        }
        true
    }

    fn objects(
        &mut self,
        objects: &ObjectCache,
        write_ids: &WriteIds,
        tasks: &mut Vec<CleanupTask>,
    ) -> bool {
        let last = self.object.clone();
        let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        for name in objects.to_clean.range::<str, _>((from, Bound::Unbounded)) {
            if !self.looks(tasks) {
                return false;
            }
            tasks.extend(object_task(objects, write_ids, name));
            self.object = Some(name.clone());
        }
        true
    }
}

/// Every task that the cache holds now.
#[cfg(test)]
pub(crate) fn tasks(objects: &ObjectCache, write_ids: &WriteIds) -> Vec<CleanupTask> {
    let mut round = CleanupRound::default();
    let next = || round.next(objects, write_ids);
    std::iter::from_fn(next).flatten().collect()
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

    /// However many there are, the cache is locked for few of them at a time.
    #[test]
    fn a_round_takes_each_tombstone_once_in_short_looks() {
        let mut objects = cache();
        let count = 3 * AT_ONCE + 10;
        for n in 0..count {
            let key = Key::user(format!("{n:04}"));
            let stamp = json!({"term": 9, "sequence": n + 1, "generation": n + 2});
            let spec = json!({"key": format!("{n:04}"), "deleted": true, "stamp": stamp});
            let version = u64::try_from(n).unwrap() + 2;
            objects.apply(WatchEvent::Written(object(&key, version, &spec)));
        }
        let write_ids = WriteIds::default();
        let mut round = CleanupRound::default();
        let mut removed = std::collections::BTreeSet::new();
        while let Some(tasks) = round.next(&objects, &write_ids) {
            assert!(tasks.len() <= AT_ONCE, "{}", tasks.len());
            for task in tasks {
                let CleanupTask::Remove { name, .. } = task else {
                    panic!("{task:?}");
                };
                assert!(removed.insert(name));
            }
        }
        assert_eq!(removed.len(), count);
    }
}
