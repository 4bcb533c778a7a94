//! Comparison of the key cache with a full list: watches of etcd have lost events before (etcd#17529, etcd#18089).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::Key;
use crate::store::etcd::cache::key_cache::{KeyCache, KeySlot};
use crate::store::etcd::connection::error::EtcdError;
use crate::store::etcd::prefix::Prefix;

/// How long the watch may take to reach the list's revision: heartbeats follow it.
const WATCH_TIMEOUT: Duration = Duration::from_secs(60);

/// The keys that a full list has otherwise than the cache; `None` if the watch does not reach the list's revision in time.
pub(crate) async fn once(prefix: &Prefix) -> Result<Option<BTreeSet<Key>>, EtcdError> {
    let listed = prefix.list_now().await?;
    let revision = listed.revision;
    let (listed, _) = KeyCache::from_list(listed.cluster, revision, listed.keys);
    let is_reached = |cache: &KeyCache| cache.revision >= revision;
    if !prefix.cache.wait_until(WATCH_TIMEOUT, is_reached).await {
        return Ok(None);
    }
    Ok(Some(differing(&prefix.cache.lock(), &listed)))
}

/// The keys whose values differ, and were not written after the list.
fn differing(cache: &KeyCache, listed: &KeyCache) -> BTreeSet<Key> {
    let modified = |slot: Option<&KeySlot>| Some(slot?.value.as_ref()?.modified);
    let keys = cache.slots.keys().chain(listed.slots.keys());
    let differs = |key: &&Key| {
        let now = modified(cache.slots.get(*key));
        let is_later = now.is_some_and(|now| now > listed.revision);
        !is_later && now != modified(listed.slots.get(*key))
    };
    keys.filter(differs).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::etcd::cache::key_cache::CachedValue;

    fn cache(revision: u64, values: &[(&str, u64)]) -> KeyCache {
        let mut cache = KeyCache {
            revision,
            ..KeyCache::default()
        };
        for (key, modified) in values {
            let slot = cache.slots.entry(Key::user(*key)).or_default();
            slot.value = Some(CachedValue {
                modified: *modified,
                index: *modified,
                temporary_name: None,
            });
        }
        cache
    }

    #[test]
    fn lost_events_are_found_and_later_writes_are_not() {
        let now = cache(12, &[("same", 1), ("since", 11), ("old", 2), ("gone", 3)]);
        let listed = cache(10, &[("same", 1), ("since", 4), ("old", 5), ("new", 6)]);
        let found = differing(&now, &listed);
        assert_eq!(found, ["gone", "new", "old"].map(Key::user).into());
    }
}
