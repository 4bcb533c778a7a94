//! Reconstruction of the entries from a list of objects.
//!
//! A list has no order of events. It must yield the same entries as the watch would have, whatever stale writes and
//! unfinished transactions are in it: the leader record's fences show which writes are stale, and the journals, in their
//! order, which transactions took effect.

use std::collections::{HashMap, HashSet};

use crate::model::{Change, Commit, Key};
use crate::store::kubernetes::cache::leader_object::{LastLeader, LeaderObject, unreadable};
use crate::store::kubernetes::cache::object_cache::ObjectCache;
use crate::store::kubernetes::cache::slot::{CacheSlot, CachedObject, ObjectState};
use crate::store::kubernetes::codec::decode::{decode_entry, decode_journal};
use crate::store::kubernetes::codec::journal;
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::shared::election::leader_record::LeaderRecord;

/// An object whose last write has the term of an earlier leader, but a version after the next term began: the write may be
/// stale.
#[derive(Debug)]
pub(super) struct SuspectedStale {
    /// The object as it is.
    pub(super) now: EntryObject,
    /// The object as the suspected write left it: as it is, or as an even earlier leader left it before.
    suspected: EntryObject,
    /// The resourceVersion at which the next term began. What the object was then still counts.
    pub(super) fence: u64,
}

/// The entries of a list, under reconstruction.
#[derive(Debug)]
pub(super) struct Reconstruction {
    objects: ObjectCache,
    /// Objects to [`Self::resolve`] before [`Self::finish`].
    pub(super) suspects: Vec<SuspectedStale>,
    journals: Vec<EntryObject>,
    /// By name of a stale object, the revision of the valid write before; none if there was no object.
    valid: HashMap<String, Option<u64>>,
}

impl Reconstruction {
    /// Starts with every object at a resourceVersion. `before` counts if the leader record was deleted.
    pub(super) fn new(version: u64, list: Vec<EntryObject>, before: LastLeader) -> Self {
        let leader_name = name::of(&LeaderRecord::key());
        let object = list.iter().find(|object| object.name == leader_name);
        let leader = object.and_then(LeaderObject::read);
        let unreadable = object.filter(|_| leader.is_none()).map(unreadable);
        let mut reconstruction = Self {
            objects: ObjectCache::new(version, leader, before),
            suspects: Vec::new(),
            journals: Vec::new(),
            valid: HashMap::new(),
        };
        reconstruction.objects.unreadable_leader = unreadable;
        for object in list {
            if object.name == leader_name {
                continue;
            }
            match object.key() {
                Ok(key) if journal::is_journal(&key) => reconstruction.journals.push(object),
                key => reconstruction.add(object, &key),
            }
        }
        reconstruction
    }

    /// The resourceVersion at which the term of the object's write ended, if the object is of a later version.
    fn fence(&self, object: &EntryObject) -> Option<u64> {
        let LeaderObject {
            record, version, ..
        } = self.objects.leader.as_ref()?;
        let offset = self.objects.offset;
        let write_id = object.written_by()?;
        let fence = record.fence_after(write_id.term, version + offset)?;
        (fence < object.version + offset).then(|| fence.saturating_sub(offset))
    }

    fn add(&mut self, object: EntryObject, key: &Result<Key, String>) {
        if let Some(fence) = self.fence(&object) {
            let (now, suspected) = (object.clone(), object);
            self.suspects.push(SuspectedStale {
                now,
                suspected,
                fence,
            });
            return;
        }
        self.add_valid(&object, key);
    }

    fn add_valid(&mut self, object: &EntryObject, key: &Result<Key, String>) {
        let state = ObjectState::of(object, key);
        self.objects.note_state(object, state);
        let at = object.version + self.objects.offset;
        let live = key.as_ref().ok().filter(|_| state == ObjectState::Live);
        let visible = live.and_then(|key| Some((key.clone(), decode_entry(object, at, None)?)));
        let slot = CacheSlot {
            object: Some(CachedObject::of(object, state)),
            visible,
        };
        self.objects.slots.insert(object.name.clone(), slot);
    }

    /// Resolves a suspect by what the object was at the fence, which may be a suspect itself. If the API server has
    /// compacted that (`Err(())`), the suspected write counts.
    pub(super) fn resolve(
        &mut self,
        suspect: SuspectedStale,
        at_fence: Result<Option<EntryObject>, ()>,
    ) {
        let SuspectedStale { now, suspected, .. } = suspect;
        let Ok(at_fence) = at_fence else {
            tracing::error!(
                object = now.name,
                "the last write of this object may be of a former leader, and the API server has compacted the state \
                 before it: clients see this write, which may have undone a later one"
            );
            return self.add_as(&now, Some(&suspected));
        };
        let Some(at_fence) = at_fence else {
            return self.add_as(&now, None);
        };
        if at_fence.written_by() == suspected.written_by() {
            return self.add_as(&now, Some(&suspected));
        }
        match self.fence(&at_fence) {
            Some(fence) => {
                let suspected = at_fence;
                self.suspects.push(SuspectedStale {
                    now,
                    suspected,
                    fence,
                });
            }
            None => self.add_as(&now, Some(&at_fence)),
        }
    }

    /// Adds an object that counts as its last valid version.
    fn add_as(&mut self, now: &EntryObject, valid: Option<&EntryObject>) {
        match valid {
            Some(valid) => self.add_valid(valid, &valid.key()),
            None => drop(self.objects.slots.remove(&now.name)),
        }
        if valid.is_some_and(|valid| valid.version == now.version) {
            return;
        }
        let slot = self.objects.slots.entry(now.name.clone()).or_default();
        let stale = CachedObject::of(now, ObjectState::Stale);
        let valid = slot.object.replace(stale);
        let revision = valid.map(|valid| valid.revision(self.objects.offset));
        self.valid.insert(now.name.clone(), revision);
        self.objects.note_state(now, ObjectState::Stale);
    }

    /// Commits the transactions that took effect, in their order, as far as no later write replaced their changes.
    pub(super) fn finish(mut self) -> ObjectCache {
        self.journals.sort_unstable_by_key(|object| object.version);
        for object in std::mem::take(&mut self.journals) {
            let Some((commit, replaced)) = self.judge(&object) else {
                self.objects.transactions.mark_obsolete(&object);
                continue;
            };
            let is_replaced = |change: &Change| replaced.contains(&change.key);
            let _commit = self
                .objects
                .commit_transaction(&object, commit, is_replaced);
        }
        self.objects
    }

    /// Whether the object of a key was written by the transaction at a revision, or after it. `existed` says that the
    /// transaction expects an entry.
    fn is_replaced(&self, key: &Key, at: u64, existed: bool) -> bool {
        let name = name::of(key);
        let revision = match self.objects.object(&name) {
            None => None,
            Some(object) if object.state == ObjectState::Stale => {
                self.valid.get(&name).copied().flatten()
            }
            Some(object) => Some(object.revision(self.objects.offset)),
        };
        // Without an object, an expected entry was deleted since, unless an earlier transaction made it visible.
        let deleted = existed && self.objects.entry(key).is_none();
        revision.map_or(deleted, |revision| revision >= at)
    }

    /// The commit of a journal, if its preconditions held, as far as the list still shows; and the keys that were written
    /// again since.
    fn judge(&self, object: &EntryObject) -> Option<(Commit, HashSet<Key>)> {
        object.written_by()?;
        if self.fence(object).is_some() {
            return None;
        }
        let at = object.version + self.objects.offset;
        let journal = decode_journal(object)?;
        let mut replaced = HashSet::new();
        for (key, expected) in journal.preconditions(at)? {
            let found = self.objects.entry(&key).map(|entry| entry.modified);
            if self.is_replaced(&key, at, expected.is_some()) {
                replaced.insert(key);
            } else if found != expected {
                return None;
            }
        }
        let commit = journal.commit(at, |key| self.objects.entry(key).cloned())?;
        Some((commit, replaced))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::model::{Cause, Entry, Proposal, Record, Revision, Target, Write};
    use crate::store::kubernetes::codec::spec::{encode, encode_step};
    use crate::store::kubernetes::definition::resource::EntrySpec;
    use crate::store::shared::election::leader_record::Fence;
    use crate::store::shared::write_ids::WriteId;

    /// An object at a version, written in a term.
    fn object(key: &Key, version: u64, spec: &EntrySpec, term: u64) -> EntryObject {
        let mut spec = serde_json::to_value(spec).unwrap();
        spec["stamp"] = json!({"term": term, "sequence": version, "generation": version});
        let metadata = json!({"name": name::of(key), "uid": "u", "resourceVersion": version.to_string(),
            "generation": version});
        EntryObject::read(&json!({"metadata": metadata, "spec": spec}).to_string()).unwrap()
    }

    fn record(value: &str) -> Record {
        Record {
            value: value.to_owned().into(),
            ..Record::default()
        }
    }

    fn written(key: &Key, version: u64, value: &str, term: u64) -> EntryObject {
        object(key, version, &encode(key, &record(value)), term)
    }

    /// A step of the transaction at a revision.
    fn stepped(key: &Key, version: u64, at: Revision, value: &str, term: u64) -> EntryObject {
        let entry = Entry {
            record: record(value),
            modified: at,
        };
        object(key, version, &encode_step(key, Some(&entry), at), term)
    }

    fn leader(version: u64, fences: &[(u64, u64)]) -> EntryObject {
        let fences = fences.iter();
        let record = LeaderRecord {
            term: 9,
            beat: 1,
            fences: fences
                .map(|&(term, revision)| Fence { term, revision })
                .collect(),
            ..LeaderRecord::default()
        };
        let value: Value = serde_json::to_value(record).unwrap();
        written(&LeaderRecord::key(), version, &value.to_string(), 9)
    }

    /// The journal of a transaction, with the precondition of each key.
    fn journal(
        version: u64,
        term: u64,
        writes: &[(&Key, Option<Revision>, Option<&str>)],
    ) -> EntryObject {
        let writes = writes.iter().map(|(key, before, value)| Write {
            target: Target::Key((*key).clone()),
            before: before.map(|modified| {
                let record = Record::default();
                Arc::new(Entry { record, modified })
            }),
            put: value.map(record),
        });
        let proposal = Proposal {
            cause: Cause::Set,
            subject: None,
            writes: writes.collect(),
        };
        let packed = journal::TransactionJournal::of(&proposal).pack().unwrap();
        let sequence = version;
        let key = journal::key(WriteId { term, sequence });
        let record = Record {
            value: packed,
            ..Record::default()
        };
        object(&key, version, &encode(&key, &record), term)
    }

    /// The result of a list, if `past` holds the objects' earlier versions, of which the last one counts.
    fn reconstructed(list: Vec<EntryObject>, past: &[EntryObject]) -> ObjectCache {
        let mut reconstruction = Reconstruction::new(100, list, LastLeader::default());
        while let Some(suspect) = reconstruction.suspects.pop() {
            let is_older = |object: &&EntryObject| {
                object.name == suspect.now.name && object.version <= suspect.fence
            };
            let older = past.iter().filter(is_older);
            let at_fence = older.max_by_key(|object| object.version).cloned();
            reconstruction.resolve(suspect, Ok(at_fence));
        }
        reconstruction.finish()
    }

    fn shown(objects: &ObjectCache, key: &Key) -> Option<(String, Revision)> {
        let entry = objects.entry(key)?;
        let value = String::from_utf8(entry.value().to_vec()).unwrap();
        Some((value, entry.modified))
    }

    #[test]
    fn transaction_survives_stale_overwrite_of_its_step() {
        let (a, b) = (Key::user("a"), Key::user("b"));
        let at = Revision::new(7, 0);
        // One step was written, the other was not. Then another gateway leads from 10, and a stale write arrives.
        let step = stepped(&a, 8, at, "of the transaction", 1);
        let late = written(&a, 12, "late", 1);
        let both = [
            (&a, None, Some("of the transaction")),
            (&b, None, Some("too")),
        ];
        let list = vec![leader(13, &[(9, 10)]), journal(7, 1, &both), late];
        let objects = reconstructed(list, &[step]);
        assert_eq!(
            shown(&objects, &a),
            Some(("of the transaction".to_owned(), at))
        );
        let second = Some(("too".to_owned(), Revision::new(7, 1)));
        assert_eq!(shown(&objects, &b), second);
        assert!(objects.transactions.obsolete().next().is_none());
        // A transaction after the last valid version of the stale object is not part of that version.
        let list = vec![
            leader(13, &[(9, 10)]),
            journal(11, 9, &both),
            written(&a, 12, "late", 1),
        ];
        let objects = reconstructed(list, &[]);
        assert_eq!(shown(&objects, &a).unwrap().1, Revision::new(11, 0));
        assert_eq!(shown(&objects, &b).unwrap().1, Revision::new(11, 1));
    }

    #[test]
    fn transaction_deletes_entry_of_earlier_transaction_before_any_step() {
        let (a, b) = (Key::user("a"), Key::user("b"));
        let made = |sub| Some(Revision::new(5, sub));
        let first = [(&a, None, Some("1")), (&b, None, Some("1"))];
        let second = [(&a, made(0), None), (&b, made(1), Some("2"))];
        let third = [(&a, None, Some("3")), (&b, Some(Revision::new(6, 1)), None)];
        let list = |journals: &[EntryObject]| [&[leader(9, &[(9, 1)])], journals].concat();
        let journals = [
            journal(5, 9, &first),
            journal(6, 9, &second),
            journal(7, 9, &third),
        ];
        let objects = reconstructed(list(&journals[..2]), &[]);
        assert_eq!(shown(&objects, &a), None);
        assert_eq!(shown(&objects, &b).unwrap().1, Revision::new(6, 1));
        let objects = reconstructed(list(&journals), &[]);
        assert_eq!(shown(&objects, &a).unwrap().1, Revision::new(7, 0));
        assert_eq!(shown(&objects, &b), None);
        // A missing entry that no unfinished transaction created was deleted since.
        let objects = reconstructed(list(&journals[1..2]), &[]);
        assert_eq!((shown(&objects, &a), shown(&objects, &b)), (None, None));
    }

    #[test]
    fn stale_write_over_stale_write_hides_both() {
        let a = Key::user("a");
        let past = [
            written(&a, 5, "valid", 1),
            written(&a, 12, "late", 1),
            written(&a, 22, "later", 2),
        ];
        let fences = [(2, 10), (9, 20)];
        let list = vec![leader(30, &fences), past[2].clone()];
        let objects = reconstructed(list, &past);
        let valid = ("valid".to_owned(), Revision::new(5, 0));
        assert_eq!(shown(&objects, &a), Some(valid));
    }
}
