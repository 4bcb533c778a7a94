//! Whether what was told is what there is: watches of etcd have lost events before (etcd#17529, etcd#18089).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::Key;
use crate::store::etcd::cache::key_cache::{Known, Slot};
use crate::store::etcd::connection::error::Failure;
use crate::store::etcd::log::EtcdLog;

/// How long to wait for what was listed to be told: heartbeats follow it.
const TOLD: Duration = Duration::from_secs(60);

/// The entries that are not as a list has them.
pub(crate) async fn once(log: &EtcdLog) -> Result<BTreeSet<Key>, Failure> {
    let (version, cluster, all) = log.list_now().await?;
    let (listed, _) = Known::load(cluster, version, all);
    let told = |known: &Known| known.version >= version;
    if !log.state.known.wait_until(TOLD, told).await {
        return Ok(BTreeSet::new());
    }
    Ok(differing(&log.state.known.lock(), &listed))
}

/// The keys whose values are not the same, and have not changed after the list.
fn differing(known: &Known, listed: &Known) -> BTreeSet<Key> {
    let modified = |slot: Option<&Slot>| Some(slot?.value.as_ref()?.modified);
    let keys = known.slots.keys().chain(listed.slots.keys());
    let differs = |key: &&Key| {
        let now = modified(known.slots.get(*key));
        let since = now.is_some_and(|now| now > listed.version);
        !since && now != modified(listed.slots.get(*key))
    };
    keys.filter(differs).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::etcd::cache::key_cache::Seen;

    fn known(version: u64, values: &[(&str, u64)]) -> Known {
        let mut known = Known {
            version,
            ..Known::default()
        };
        for (key, modified) in values {
            let slot = known.slots.entry(Key::user(*key)).or_default();
            slot.value = Some(Seen {
                modified: *modified,
                index: *modified,
                unmoved: None,
            });
        }
        known
    }

    #[test]
    fn what_was_lost_is_found_and_what_changed_since_is_not() {
        let now = known(12, &[("same", 1), ("since", 11), ("old", 2), ("gone", 3)]);
        let listed = known(10, &[("same", 1), ("since", 4), ("old", 5), ("new", 6)]);
        let found = differing(&now, &listed);
        assert_eq!(found, ["gone", "new", "old"].map(Key::user).into());
    }
}
