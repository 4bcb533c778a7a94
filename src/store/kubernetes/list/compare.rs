//! Whether what was told is what there is: events have been lost on their way before (kubernetes#123072).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::store::kubernetes::cache::object_cache::Objects;
use crate::store::kubernetes::cache::slot::Slot;
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::log::KubernetesLog;

/// How long to wait for what was listed to be told: heartbeats follow it.
const TOLD: Duration = Duration::from_secs(60);

/// The entries that are not as a list has them.
pub(crate) async fn once(log: &KubernetesLog) -> Result<BTreeSet<String>, ApiError> {
    let listed = log.listed().await?;
    let told = |known: &Objects| known.version >= listed.version;
    if !log.state.objects.wait_until(TOLD, told).await {
        return Ok(BTreeSet::new());
    }
    Ok(differing(&log.state.objects.lock(), &listed))
}

/// The names whose entries are not the same, and have not changed after the list.
fn differing(known: &Objects, listed: &Objects) -> BTreeSet<String> {
    let revision = |slot: Option<&Slot>| slot.and_then(Slot::entry).map(|entry| entry.modified);
    let names = known.slots.keys().chain(listed.slots.keys());
    let differs = |name: &&String| {
        let now = known.slots.get(*name);
        let object = now.and_then(|slot| slot.object.as_ref());
        let since = object.is_some_and(|object| object.version > listed.version)
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
    use crate::store::kubernetes::cache::object_cache::Past;

    fn objects(version: u64, entries: &[(&str, u64)]) -> Objects {
        let mut objects = Objects::listed(version, None, Past::default());
        for (name, main) in entries {
            let entry = Entry {
                record: Record::default(),
                modified: Revision::new(*main, 0),
            };
            let slot = objects.slots.entry((*name).to_owned()).or_default();
            slot.shown = Some((Key::user(*name), Arc::new(entry)));
        }
        objects
    }

    #[test]
    fn what_was_lost_is_found_and_what_changed_since_is_not() {
        let known = objects(12, &[("same", 1), ("since", 11), ("old", 2), ("gone", 3)]);
        let listed = objects(10, &[("same", 1), ("since", 4), ("old", 5), ("new", 6)]);
        let found: Vec<_> = differing(&known, &listed).into_iter().collect();
        assert_eq!(found, ["gone", "new", "old"]);
    }
}
