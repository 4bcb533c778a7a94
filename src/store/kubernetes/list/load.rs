//! Loading of the namespace: a full list of the present, or of a minute ago when the gateway starts.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::pages::{list, list_at, read};
use super::reconstruct::{Reconstruction, SuspectedStale};
use crate::store::kubernetes::cache::leader_object::LeaderObject;
use crate::store::kubernetes::cache::object_cache::ObjectCache;
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::definition::resource::SpecWriteId;
use crate::store::kubernetes::definition::version_check;
use crate::store::kubernetes::namespace::Namespace;
use crate::store::kubernetes::watch::open::has_events_since;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::LogContents;
use crate::store::shared::write_ids::WriteId;

/// Lists every object, and replaces the cache.
pub(crate) async fn load(namespace: &Namespace) -> Result<LogContents, ApiError> {
    let cache = &namespace.cache;
    let first = cache.first_load.load(Ordering::Acquire);
    let past = if first {
        list_past(namespace).await
    } else {
        None
    };
    let (version, objects) = match past {
        Some(listed) => listed,
        None => list(&namespace.api).await?,
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

/// Every object as it was a while ago. The watch then delivers what happened since, for clients that reconnect. `None` if
/// the API server has compacted that.
async fn list_past(namespace: &Namespace) -> Option<(u64, Vec<EntryObject>)> {
    let name = name::of(&LeaderRecord::key());
    let object = namespace.api.get(&name).await.ok()?;
    let object = EntryObject::read(std::str::from_utf8(&object).ok()?).ok()?;
    let leader = LeaderObject::read(&object)?;
    for passed in &leader.record.past {
        let version = passed.revision.saturating_sub(leader.record.offset);
        if !has_events_since(namespace, version).await? {
            continue;
        }
        match list_at(&namespace.api, Some(version)).await {
            Ok(listed) => return Some(listed),
            Err(error) => tracing::debug!(%error, version, "the past cannot be listed"),
        }
    }
    None
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
    // No write of a term precedes its leader record. A higher term was edited by hand; no gateway must lead after it.
    let leader = objects.leader.as_ref();
    let write_ids = write_ids
        .filter(|write_id| leader.is_none_or(|leader| write_id.term <= leader.record.term));
    let write_ids: HashSet<WriteId> = write_ids.map(SpecWriteId::name).collect();
    let entries = objects
        .slots
        .values()
        .filter_map(|slot| slot.visible.clone());
    let offset = objects.offset;
    LogContents {
        revision: objects.index(),
        entries: entries.collect(),
        leader: leader.map(|leader| (leader.record.clone(), leader.version + offset)),
        write_ids,
    }
}
