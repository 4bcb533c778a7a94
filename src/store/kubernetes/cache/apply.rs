//! Watch events applied to the object cache, each answered with the log event it means.
//!
//! The order in which the API server delivers changes decides: a write whose write id is of an earlier term is stale, a
//! journal takes effect if its preconditions hold at its place in that order, and a change without a new write id is an
//! external write and counts.

use super::leader_object::{LeaderObject, unreadable};
use super::object_cache::ObjectCache;
use super::slot::ObjectState;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::codec::{journal, name};
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::LogEvent;

/// An event of the watch.
#[derive(Clone, Debug)]
pub(crate) enum WatchEvent {
    /// The object was created or replaced.
    Written(EntryObject),
    /// The object was deleted, at its version.
    Deleted(EntryObject),
    /// Nothing more happened up to this version.
    Bookmark(u64),
}

#[cfg(test)]
impl WatchEvent {
    /// The version that it is of.
    pub(crate) fn version(&self) -> u64 {
        match self {
            Self::Written(object) | Self::Deleted(object) => object.version,
            Self::Bookmark(version) => *version,
        }
    }
}

impl ObjectCache {
    /// Applies an event; returns what it means for entries and leadership.
    pub(crate) fn apply(&mut self, event: WatchEvent) -> LogEvent {
        match event {
            WatchEvent::Bookmark(version) => {
                self.version = self.version.max(version);
                LogEvent::Progress(self.index())
            }
            WatchEvent::Written(object) => {
                self.version = object.version;
                if object.name == name::of(&LeaderRecord::key()) {
                    return self.apply_leader(&object);
                }
                match object.key() {
                    Ok(key) if journal::is_journal(&key) => self.apply_journal(&object),
                    key => self.apply_entry(&object, key),
                }
            }
            WatchEvent::Deleted(object) => {
                self.version = object.version;
                self.apply_deletion(&object)
            }
        }
    }

    fn apply_leader(&mut self, object: &EntryObject) -> LogEvent {
        self.leader = LeaderObject::read(object);
        self.unreadable_leader = self.leader.is_none().then(|| unreadable(object));
        if let Some(leader) = &self.leader {
            self.term = self.term.max(leader.record.term);
        }
        LogEvent::Leader {
            record: self.leader.as_ref().map(|leader| leader.record.clone()),
            revision: self.index(),
        }
    }

    fn apply_deletion(&mut self, object: &EntryObject) -> LogEvent {
        let at = self.index();
        if let Some(unreadable) = &self.unreadable_leader
            && unreadable.uid == object.uid
        {
            self.unreadable_leader = None;
        }
        if self
            .leader
            .as_ref()
            .is_some_and(|leader| leader.uid == object.uid)
        {
            self.leader = None;
            return LogEvent::Leader {
                record: None,
                revision: at,
            };
        }
        self.forget_state(&object.name);
        self.transactions.deleted(object);
        let Some(slot) = self.slots.get_mut(&object.name) else {
            return LogEvent::Progress(at);
        };
        let state = slot.object.take().map(|cached| cached.state);
        if slot.is_empty() {
            self.slots.remove(&object.name);
            return LogEvent::Progress(at);
        }
        // An entry that a transaction made visible and has not written yet was not in the deleted object, unless that
        // was live: then somebody deleted the entry.
        if self.transactions.has_step(&object.name) && state != Some(ObjectState::Live) {
            return LogEvent::Progress(at);
        }
        self.transactions.supersede(&object.name);
        let slot = self.slots.get_mut(&object.name);
        match slot.and_then(|slot| slot.visible.take()) {
            Some((key, before)) => self.entry_changed(object, &key, Some(before), None, None),
            None => LogEvent::Progress(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Key;
    use crate::store::kubernetes::cache::leader_object::LastLeader;

    fn object(key: &Key, version: u64, spec: &Value) -> EntryObject {
        let metadata = json!({"name": name::of(key), "uid": key.to_string(), "resourceVersion": version.to_string(),
            "generation": version});
        EntryObject::read(&json!({"metadata": metadata, "spec": spec}).to_string()).unwrap()
    }

    #[test]
    fn term_in_force_survives_deletion_of_leader_record() {
        let mut cache = ObjectCache::new(1, None, LastLeader::default());
        let leader = json!({"key": "lead", "realm": "system", "value":
            json!({"term": 9, "holder": "h", "name": "n", "durationMs": 1, "beat": 0, "identity": 1}).to_string()});
        let leader = object(&LeaderRecord::key(), 2, &leader);
        let event = cache.apply(WatchEvent::Written(leader.clone()));
        assert!(matches!(event, LogEvent::Leader { record: Some(record), .. } if record.term == 9));
        let event = cache.apply(WatchEvent::Deleted(leader));
        assert!(matches!(event, LogEvent::Leader { record: None, .. }));
        let stale = json!({"key": "a", "stamp": {"term": 8, "sequence": 1, "generation": 3}});
        let event = cache.apply(WatchEvent::Written(object(&Key::user("a"), 3, &stale)));
        assert!(matches!(event, LogEvent::Stale(3)), "{event:?}");
        assert!(cache.entry(&Key::user("a")).is_none());
    }

    #[test]
    fn object_that_becomes_invalid_deletes_its_entry_and_is_counted() {
        let mut cache = ObjectCache::new(1, None, LastLeader::default());
        let key = Key::user("a");
        let valid = object(&key, 2, &json!({"key": "a", "value": "v"}));
        assert!(matches!(
            cache.apply(WatchEvent::Written(valid)),
            LogEvent::Commit { write_id: None, .. }
        ));
        let invalid = object(&key, 3, &json!({"key": 5}));
        let event = cache.apply(WatchEvent::Written(invalid.clone()));
        assert!(matches!(event, LogEvent::Commit { .. }), "{event:?}");
        assert!(cache.entry(&key).is_none());
        assert_eq!(cache.invalid.len(), 1);
        cache.apply(WatchEvent::Deleted(invalid));
        assert!(cache.invalid.is_empty());
    }
}
