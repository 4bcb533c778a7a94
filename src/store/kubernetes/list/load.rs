//! Loading of the namespace: a full list of the present, or of a minute ago when the gateway starts.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::first::list_first;
use super::pages::{list, read};
use super::reconstruct::{Reconstruction, SuspectedStale};
use crate::store::kubernetes::cache::object_cache::ObjectCache;
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::definition::resource::SpecWriteId;
use crate::store::kubernetes::definition::version_check;
use crate::store::kubernetes::namespace::Namespace;
use crate::store::shared::log::LogContents;
use crate::store::shared::write_ids::{WriteId, highest_term};

/// Lists every object, and replaces the cache.
pub(crate) async fn load(namespace: &Namespace) -> Result<LogContents, ApiError> {
    let cache = &namespace.cache;
    let first = cache.first_load.load(Ordering::Acquire);
    let (version, objects) = if first {
        list_first(&namespace.api).await?
    } else {
        list(&namespace.api).await?
    };
    let reconstructed = reconstruct(namespace, version, objects).await?;
    let contents = contents(&reconstructed);
    if first {
        version_check::warn_if_older(&namespace.api).await;
    }
    cache.first_load.store(false, Ordering::Release);
    let mut objects = cache.objects.lock();
    *objects = reconstructed;
    cache.changed(objects);
    Ok(contents)
}

/// The entries of a new full list, beside the cache.
pub(super) async fn listed(namespace: &Namespace) -> Result<ObjectCache, ApiError> {
    let (version, objects) = list(&namespace.api).await?;
    reconstruct(namespace, version, objects).await
}

async fn reconstruct(
    namespace: &Namespace,
    version: u64,
    objects: Vec<EntryObject>,
) -> Result<ObjectCache, ApiError> {
    let before = namespace.cache.objects.lock().last_leader();
    let mut reconstruction = Reconstruction::new(version, objects, before);
    while let Some(suspect) = reconstruction.suspects.pop() {
        let at_fence = object_at_fence(namespace, &suspect).await?;
        reconstruction.resolve(suspect, at_fence);
    }
    Ok(reconstruction.finish())
}

/// What the suspect was at the fence; `Err(())` if the API server has compacted that.
async fn object_at_fence(
    namespace: &Namespace,
    suspect: &SuspectedStale,
) -> Result<Result<Option<EntryObject>, ()>, ApiError> {
    let found = namespace.api.get_at(&suspect.now.name, suspect.fence).await;
    match found {
        Ok(Some(item)) => Ok(Ok(Some(read(&item)?))),
        Ok(None) => Ok(Ok(None)),
        Err(error) if error.status() == Some(410) => Ok(Err(())),
        Err(error) => Err(error),
    }
}

/// What the log hands out of a loaded cache.
fn contents(objects: &ObjectCache) -> LogContents {
    let write_ids = objects
        .slots
        .values()
        .filter_map(|slot| slot.object.as_ref()?.write_id);
    let write_ids: HashSet<WriteId> = write_ids.map(SpecWriteId::name).collect();
    let leader = objects.leader.as_ref();
    // No write of a term precedes its leader record: a higher term in an entry was edited by hand.
    let term = leader.map_or_else(|| highest_term(&write_ids), |leader| leader.record.term);
    let entries = objects
        .slots
        .values()
        .filter_map(|slot| slot.visible.clone());
    let offset = objects.offset;
    LogContents {
        revision: objects.index(),
        entries: entries.collect(),
        leader: leader.map(|leader| (leader.record.clone(), leader.version + offset)),
        term,
        write_ids,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Key;
    use crate::store::kubernetes::cache::leader_object::LastLeader;
    use crate::store::kubernetes::codec::name;
    use crate::store::shared::election::leader_record::LeaderRecord;

    /// An object with a write id of this term.
    fn object(key: &Key, spec: &Value, term: u64) -> EntryObject {
        let mut spec = spec.clone();
        spec["stamp"] = json!({"term": term, "sequence": 5, "generation": 2});
        let metadata =
            json!({"name": name::of(key), "uid": "u", "resourceVersion": "7", "generation": 2});
        EntryObject::read(&json!({"metadata": metadata, "spec": spec}).to_string()).unwrap()
    }

    fn entry(key: &str, term: u64) -> EntryObject {
        object(&Key::user(key), &json!({"key": key, "value": "v"}), term)
    }

    fn leader(term: u64) -> EntryObject {
        let record = LeaderRecord {
            term,
            beat: 1,
            ..LeaderRecord::default()
        };
        let value = serde_json::to_string(&record).unwrap();
        let spec = json!({"key": "lead", "realm": "system", "value": value});
        object(&LeaderRecord::key(), &spec, term)
    }

    fn listed(objects: Vec<EntryObject>) -> LogContents {
        contents(&Reconstruction::new(9, objects, LastLeader::default()).finish())
    }

    #[test]
    fn only_the_leader_record_says_which_term_it_is() {
        let edited = listed(vec![leader(3), entry("a", 2), entry("b", 1_000_000)]);
        assert_eq!((edited.term, edited.entries.len()), (3, 2));
        let without_leader = listed(vec![entry("a", 2), entry("b", 4)]);
        assert_eq!(without_leader.term, 4, "terms go on from the highest");
        let beyond = listed(vec![entry("a", 2), entry("b", u64::MAX >> 1)]);
        assert_eq!(beyond.term, 2, "and there must be a next one");
    }

    #[test]
    fn leader_record_of_a_term_without_a_next_one_is_unreadable() {
        let objects = vec![leader(u64::MAX), entry("a", 2)];
        let objects = Reconstruction::new(9, objects, LastLeader::default()).finish();
        assert!(objects.unreadable_leader.is_some(), "to be replaced");
        let contents = contents(&objects);
        assert_eq!((contents.term, contents.leader), (2, None));
    }
}
