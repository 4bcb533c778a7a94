//! From a list of objects to the entries there are.

use std::collections::{HashMap, HashSet};

use crate::model::{Change, Commit, Key};
use crate::store::kubernetes::cache::object_cache::{Lead, Objects, Past};
use crate::store::kubernetes::cache::slot::{Known, Slot, State};
use crate::store::kubernetes::codec::decode::{
    entry, known, read_journal, read_lead, state_of, unreadable,
};
use crate::store::kubernetes::codec::journal;
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::object::Object;
use crate::store::kubernetes::definition::resource::SpecWriteId;
use crate::store::shared::election::record::LeaderRecord;
use crate::store::shared::log::LogContents;
use crate::store::shared::write_ids::WriteId;

/// An object that a gateway wrote after another had taken the lead, by the looks of it.
#[derive(Debug)]
pub(crate) struct Suspect {
    /// The object as it is.
    pub(crate) now: Object,
    /// As it was written too late: now, or before that by a gateway that had not led for even longer.
    late: Object,
    /// The resourceVersion at which the other took the lead: what the object was then, it still counts as.
    pub(crate) fence: u64,
}

/// A list, taken in.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) objects: Objects,
    pub(crate) suspects: Vec<Suspect>,
    journals: Vec<Object>,
    /// Where on the line that stands which void objects still count as; nowhere where there was no object.
    valid: HashMap<String, Option<u64>>,
}

impl Listed {
    /// Takes in every object there is at a resourceVersion; `before` is what was known of the lead.
    pub(crate) fn new(version: u64, list: Vec<Object>, before: Past) -> Self {
        let own = name::of(&LeaderRecord::key());
        let object = list.iter().find(|object| object.name == own);
        let lead = object.and_then(read_lead);
        let none = object.filter(|_| lead.is_none()).map(unreadable);
        let mut listed = Self {
            objects: Objects::listed(version, lead, before),
            suspects: Vec::new(),
            journals: Vec::new(),
            valid: HashMap::new(),
        };
        listed.objects.unreadable = none;
        for object in list {
            if object.name == own {
                continue;
            }
            match object.key() {
                Ok(key) if journal::is_journal(&key) => listed.journals.push(object),
                key => listed.take(object, &key),
            }
        }
        listed
    }

    fn fence(&self, object: &Object) -> Option<u64> {
        let Lead {
            record, version, ..
        } = self.objects.lead.as_ref()?;
        let offset = self.objects.offset;
        let write_id = object.written_by()?;
        let fence = record.fence_after(write_id.term, version + offset)?;
        (fence < object.version + offset).then(|| fence.saturating_sub(offset))
    }

    fn take(&mut self, object: Object, key: &Result<Key, String>) {
        if let Some(fence) = self.fence(&object) {
            let (now, late) = (object.clone(), object);
            self.suspects.push(Suspect { now, late, fence });
            return;
        }
        self.place(&object, key);
    }

    fn place(&mut self, object: &Object, key: &Result<Key, String>) {
        let state = state_of(object, key);
        self.objects.note(object, state);
        let at = object.version + self.objects.offset;
        let live = key.as_ref().ok().filter(|_| state == State::Live);
        let shown = live.and_then(|key| Some((key.clone(), entry(object, at, None, true)?)));
        let slot = Slot {
            object: Some(known(object, state)),
            shown,
        };
        self.objects.slots.insert(object.name.clone(), slot);
    }

    /// Settles a suspect by what it was at the fence, which may be a suspect itself; by what it is, where that is forgotten.
    pub(crate) fn settle(&mut self, suspect: Suspect, then: Result<Option<Object>, ()>) {
        let Suspect { now, late, .. } = suspect;
        let Ok(then) = then else {
            tracing::error!(
                object = now.name,
                "a gateway that did not lead may have written this; what it was before is forgotten"
            );
            return self.count_as(&now, Some(&late));
        };
        let Some(then) = then else {
            return self.count_as(&now, None);
        };
        if then.written_by() == late.written_by() {
            return self.count_as(&now, Some(&late));
        }
        match self.fence(&then) {
            Some(fence) => {
                let late = then;
                self.suspects.push(Suspect { now, late, fence });
            }
            None => self.count_as(&now, Some(&then)),
        }
    }

    /// Takes in an object that counts as what it was once.
    fn count_as(&mut self, now: &Object, valid: Option<&Object>) {
        match valid {
            Some(valid) => self.place(valid, &valid.key()),
            None => drop(self.objects.slots.remove(&now.name)),
        }
        if valid.is_some_and(|valid| valid.version == now.version) {
            return;
        }
        let slot = self.objects.slots.entry(now.name.clone()).or_default();
        let was = slot.object.replace(known(now, State::Void));
        let place = was.map(|was| place(&was, self.objects.offset));
        self.valid.insert(now.name.clone(), place);
        self.objects.note(now, State::Void);
    }

    /// Lets the transactions happen that did, in their order, as far as nothing has overtaken them.
    pub(crate) fn finish(mut self) -> Objects {
        self.journals.sort_unstable_by_key(|object| object.version);
        for object in std::mem::take(&mut self.journals) {
            let Some((commit, past)) = self.judge(&object) else {
                self.objects.spend(&object);
                continue;
            };
            let is_past = |change: &Change| past.contains(&change.key);
            let _commit = self.objects.begin(&object, commit, is_past);
        }
        self.objects
    }

    /// Whether what an object counts as says more than a transaction does: it was written by it, or after it.
    fn is_past(&self, key: &Key, at: u64, existed: bool) -> bool {
        let name = name::of(key);
        let slot = self.objects.slots.get(&name);
        let place = match slot.and_then(|slot| slot.object.as_ref()) {
            None => None,
            Some(object) if object.state == State::Void => self.valid.get(&name).copied().flatten(),
            Some(object) => Some(place(object, self.objects.offset)),
        };
        // It is not there any more; or not yet, where no transaction before this one shows it.
        let gone = existed && self.objects.entry_of(key).is_none();
        place.map_or(gone, |place| place >= at)
    }

    /// The commit that a journal is, if its guards held where it stands, as far as that can be told still; and the keys of
    /// which something is known that is as new.
    fn judge(&self, object: &Object) -> Option<(Commit, HashSet<Key>)> {
        object.written_by()?;
        if self.fence(object).is_some() {
            return None;
        }
        let at = object.version + self.objects.offset;
        let journal = read_journal(object)?;
        let mut past = HashSet::new();
        for (key, guard) in journal.guards(at)? {
            let now = self.objects.entry_of(&key).map(|entry| entry.modified);
            if self.is_past(&key, at, guard.is_some()) {
                past.insert(key);
            } else if now != guard {
                return None;
            }
        }
        let commit = journal.commit(at, |key| self.objects.entry_of(key).cloned())?;
        Some((commit, past))
    }
}

/// Where on the line an object stands: a step, where its transaction does.
fn place(object: &Known, offset: u64) -> u64 {
    object.step.unwrap_or(object.version + offset)
}

/// What a follower is to begin with.
pub(crate) fn loaded(objects: &Objects) -> LogContents {
    let write_ids = objects
        .slots
        .values()
        .filter_map(|slot| slot.object.as_ref()?.write_id);
    // No write of a term comes before its record: a higher one was edited by hand, and no gateway is to lead after it.
    let lead = objects.lead.as_ref();
    let write_ids =
        write_ids.filter(|write_id| lead.is_none_or(|lead| write_id.term <= lead.record.term));
    let write_ids: HashSet<WriteId> = write_ids.map(SpecWriteId::name).collect();
    let entries = objects.slots.values().filter_map(|slot| slot.shown.clone());
    let offset = objects.offset;
    LogContents {
        revision: objects.index(),
        entries: entries.collect(),
        lead: objects
            .lead
            .as_ref()
            .map(|lead| (lead.record.clone(), lead.version + offset)),
        write_ids,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::model::{Cause, Entry, Proposal, Record, Revision, Target, Write};
    use crate::store::kubernetes::codec::spec;
    use crate::store::kubernetes::definition::resource::EntrySpec;
    use crate::store::kubernetes::send::requests::step;
    use crate::store::shared::election::record::Fence;

    /// An object at a version, as a gateway wrote it in its term.
    fn object(key: &Key, version: u64, spec: &EntrySpec, term: u64) -> Object {
        let mut spec = serde_json::to_value(spec).unwrap();
        spec["stamp"] = json!({"term": term, "sequence": version, "generation": version});
        let metadata = json!({"name": name::of(key), "uid": "u", "resourceVersion": version.to_string(),
            "generation": version});
        Object::read(&json!({"metadata": metadata, "spec": spec}).to_string()).unwrap()
    }

    fn record(value: &str) -> Record {
        Record {
            value: value.to_owned().into(),
            ..Record::default()
        }
    }

    fn written(key: &Key, version: u64, value: &str, term: u64) -> Object {
        object(key, version, &spec::encode(key, &record(value)), term)
    }

    /// A step of the transaction at a revision.
    fn stepped(key: &Key, version: u64, at: Revision, value: &str, term: u64) -> Object {
        let entry = Entry {
            record: record(value),
            modified: at,
        };
        object(key, version, &step(key, Some(&entry), at), term)
    }

    fn lead(version: u64, fences: &[(u64, u64)]) -> Object {
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

    /// A transaction, with what each key is to be at before.
    fn journal(
        version: u64,
        term: u64,
        writes: &[(&Key, Option<Revision>, Option<&str>)],
    ) -> Object {
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
        let packed = journal::Journal::of(&proposal).pack().unwrap();
        let sequence = version;
        let key = journal::key(WriteId { term, sequence });
        let record = Record {
            value: packed,
            ..Record::default()
        };
        object(&key, version, &spec::encode(&key, &record), term)
    }

    /// What a list comes to where the objects were these at earlier versions, of which the last counts.
    fn loaded_from(list: Vec<Object>, past: &[Object]) -> Objects {
        let mut listed = Listed::new(100, list, Past::default());
        while let Some(suspect) = listed.suspects.pop() {
            let is_then =
                |then: &&Object| then.name == suspect.now.name && then.version <= suspect.fence;
            let then = past.iter().filter(is_then).max_by_key(|then| then.version);
            let then = then.cloned();
            listed.settle(suspect, Ok(then));
        }
        listed.finish()
    }

    fn shown(objects: &Objects, key: &Key) -> Option<(String, Revision)> {
        let entry = objects.entry_of(key)?;
        let value = String::from_utf8(entry.value().to_vec()).unwrap();
        Some((value, entry.modified))
    }

    #[test]
    fn a_transaction_whose_step_a_late_write_is_over_happened_all_the_same() {
        let (a, b) = (Key::user("a"), Key::user("b"));
        let at = Revision::new(7, 0);
        // One step is taken, the other is not; then another gateway leads from 10, and a write of the first comes late.
        let step = stepped(&a, 8, at, "of the transaction", 1);
        let late = written(&a, 12, "late", 1);
        let both = [
            (&a, None, Some("of the transaction")),
            (&b, None, Some("too")),
        ];
        let list = vec![lead(13, &[(9, 10)]), journal(7, 1, &both), late];
        let objects = loaded_from(list, &[step]);
        assert_eq!(
            shown(&objects, &a),
            Some(("of the transaction".to_owned(), at))
        );
        let second = Some(("too".to_owned(), Revision::new(7, 1)));
        assert_eq!(shown(&objects, &b), second);
        assert!(objects.spent.is_empty());
        // One that came after what the void object counts as is not in that yet.
        let list = vec![
            lead(13, &[(9, 10)]),
            journal(11, 9, &both),
            written(&a, 12, "late", 1),
        ];
        let objects = loaded_from(list, &[]);
        assert_eq!(shown(&objects, &a).unwrap().1, Revision::new(11, 0));
        assert_eq!(shown(&objects, &b).unwrap().1, Revision::new(11, 1));
    }

    #[test]
    fn a_transaction_takes_away_what_one_before_it_made_though_neither_has_its_objects() {
        let (a, b) = (Key::user("a"), Key::user("b"));
        let made = |sub| Some(Revision::new(5, sub));
        let first = [(&a, None, Some("1")), (&b, None, Some("1"))];
        let second = [(&a, made(0), None), (&b, made(1), Some("2"))];
        let third = [(&a, None, Some("3")), (&b, Some(Revision::new(6, 1)), None)];
        let list = |journals: &[Object]| [&[lead(9, &[(9, 1)])], journals].concat();
        let journals = [
            journal(5, 9, &first),
            journal(6, 9, &second),
            journal(7, 9, &third),
        ];
        let objects = loaded_from(list(&journals[..2]), &[]);
        assert_eq!(shown(&objects, &a), None);
        assert_eq!(shown(&objects, &b).unwrap().1, Revision::new(6, 1));
        let objects = loaded_from(list(&journals), &[]);
        assert_eq!(shown(&objects, &a).unwrap().1, Revision::new(7, 0));
        assert_eq!(shown(&objects, &b), None);
        // What is not there, and was not made by a transaction that is still to be written, has gone since.
        let objects = loaded_from(list(&journals[1..2]), &[]);
        assert_eq!((shown(&objects, &a), shown(&objects, &b)), (None, None));
    }

    #[test]
    fn a_late_write_over_a_late_write_brings_neither_to_light() {
        let a = Key::user("a");
        let past = [
            written(&a, 5, "valid", 1),
            written(&a, 12, "late", 1),
            written(&a, 22, "later", 2),
        ];
        let fences = [(2, 10), (9, 20)];
        let list = vec![lead(30, &fences), past[2].clone()];
        let objects = loaded_from(list, &past);
        let valid = ("valid".to_owned(), Revision::new(5, 0));
        assert_eq!(shown(&objects, &a), Some(valid));
    }
}
