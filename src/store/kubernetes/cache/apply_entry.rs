//! Objects of entries applied to the object cache.

use std::sync::Arc;

use super::object_cache::ObjectCache;
use super::slot::{CacheSlot, CachedObject, ObjectState};
use super::stale_write::{ChangeKind, ObjectChange};
use crate::model::{Cause, Change, Commit, Entry, Key};
use crate::store::kubernetes::codec::decode::{ContinuedEntry, decode_entry};
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::definition::resource::SpecWriteId;
use crate::store::shared::log::LogEvent;

impl ObjectCache {
    pub(super) fn apply_entry(
        &mut self,
        object: &EntryObject,
        key: Result<Key, String>,
    ) -> LogEvent {
        let at = self.index();
        let term = self.term;
        let slot = self.slots.entry(object.name.clone()).or_default();
        let decoded = ObjectState::of(object, &key);
        let change = ObjectChange::classify(object, decoded, slot.object.as_ref(), term);
        // An object that became invalid still has the key of the entry that clients see.
        let key = match key {
            Ok(key) => Some(key),
            Err(_) => slot.visible.as_ref().map(|(key, _)| key.clone()),
        };
        let cached = slot.object.replace(CachedObject::of(object, change.state));
        let is_edit = cached.is_none_or(|cached| cached.generation != object.generation);
        self.note_state(object, change.state);
        match change.kind {
            ChangeKind::StaleWrite => return LogEvent::Stale(at),
            ChangeKind::NoEffect => return LogEvent::Progress(at),
            ChangeKind::Step => {
                // The journal was delivered as the commit before.
                if let Some(step) = object.step() {
                    self.transactions.step_written(&object.name, step.revision);
                }
                return LogEvent::Progress(at);
            }
            ChangeKind::Effective => {}
        }
        self.transactions.supersede(&object.name);
        let Some(key) = key else {
            return LogEvent::Progress(at);
        };
        let before = self.slots.get(&object.name).and_then(CacheSlot::entry);
        let before = before.cloned();
        let continued = before.as_deref().filter(|_| change.write_id.is_none());
        let continued = continued.map(|entry| ContinuedEntry { entry, is_edit });
        let now = (change.state == ObjectState::Live)
            .then(|| decode_entry(object, at, continued))
            .flatten();
        self.entry_changed(object, &key, before, now, change.write_id)
    }

    /// Makes a change of one entry visible, and returns it as a commit.
    pub(super) fn entry_changed(
        &mut self,
        object: &EntryObject,
        key: &Key,
        before: Option<Arc<Entry>>,
        now: Option<Arc<Entry>>,
        write_id: Option<SpecWriteId>,
    ) -> LogEvent {
        let at = self.index();
        if before.is_none() && now.is_none() {
            return match write_id {
                Some(write_id) => LogEvent::Refused(write_id.name()),
                None => LogEvent::Progress(at),
            };
        }
        self.show(&object.name, key, now.clone());
        let external = if now.is_some() {
            Cause::Set
        } else {
            Cause::Delete
        };
        let (cause, subject) = match (&object.spec, write_id) {
            (Ok(spec), Some(_)) => (spec.cause.into(), spec.subject.as_ref().map(Key::user)),
            _ => (external, None),
        };
        let change = Change {
            key: key.clone(),
            now,
            before,
        };
        LogEvent::Commit {
            commit: Arc::new(Commit {
                revision: at,
                cause,
                subject,
                changes: vec![change],
            }),
            write_id: write_id.map(SpecWriteId::name),
        }
    }
}
