//! Comparison of the cache with a full list: API servers have lost watch events before (kubernetes#123072).

use std::collections::BTreeSet;
use std::time::Duration;

use super::load::listed;
use crate::store::kubernetes::cache::object_cache::ObjectCache;
use crate::store::kubernetes::cache::slot::{CacheSlot, CachedObject, ObjectState};
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::namespace::Namespace;

/// How long to wait until the watch has delivered the list's version: heartbeats follow it.
const CATCH_UP: Duration = Duration::from_secs(60);

/// The names of the entries that differ from a full list; `None` if the watch does not reach the list's version in time.
pub(crate) async fn once(namespace: &Namespace) -> Result<Option<BTreeSet<String>>, ApiError> {
    let listed = listed(namespace).await?;
    let caught_up = |cached: &ObjectCache| cached.version >= listed.version;
    if !namespace
        .cache
        .objects
        .wait_until(CATCH_UP, caught_up)
        .await
    {
        return Ok(None);
    }
    Ok(Some(differing(&namespace.cache.objects.lock(), &listed)))
}

/// The names whose entries differ, and have not changed after the list.
///
/// A step of a transaction changes no entry, as its journal has done that, and neither does a stale write: such a write
/// after the list does not hide a lost event.
pub(super) fn differing(cached: &ObjectCache, listed: &ObjectCache) -> BTreeSet<String> {
    let revision =
        |slot: Option<&CacheSlot>| slot.and_then(CacheSlot::entry).map(|entry| entry.modified);
    let names = cached.slots.keys().chain(listed.slots.keys());
    let differs = |name: &&String| {
        let now = cached.slots.get(*name);
        let object = now.and_then(|slot| slot.object.as_ref());
        let changes = |object: &CachedObject| {
            object.state != ObjectState::Stale && object.revision(cached.offset) > listed.index()
        };
        let since = object.is_some_and(changes)
            || revision(now).is_some_and(|revision| revision.main > listed.index());
        !since && revision(now) != revision(listed.slots.get(*name))
    };
    names.filter(differs).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Entry, Key, Record, Revision};
    use crate::store::kubernetes::cache::leader_object::LastLeader;

    fn objects(version: u64, entries: &[(&str, u64)]) -> ObjectCache {
        let mut objects = ObjectCache::new(version, None, LastLeader::default());
        for (name, main) in entries {
            let entry = Entry {
                record: Record::default(),
                modified: Revision::new(*main, 0),
            };
            let slot = objects.slots.entry((*name).to_owned()).or_default();
            slot.visible = Some((Key::user(*name), Arc::new(entry)));
        }
        objects
    }

    #[test]
    fn lost_events_are_found_and_later_changes_are_not() {
        let cached = objects(12, &[("same", 1), ("since", 11), ("old", 2), ("gone", 3)]);
        let listed = objects(10, &[("same", 1), ("since", 4), ("old", 5), ("new", 6)]);
        let found: Vec<_> = differing(&cached, &listed).into_iter().collect();
        assert_eq!(found, ["gone", "new", "old"]);
    }
}
