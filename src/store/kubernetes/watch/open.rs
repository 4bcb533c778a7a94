//! Opening of a watch: only after a check that the cluster's store is still the one that was loaded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::event::parse;
use super::stream::WatchStream;
use crate::store::kubernetes::client::api::Api;
use crate::store::kubernetes::client::lines::ResponseLines;
use crate::store::kubernetes::client::log_error::log_error;
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::namespace::Namespace;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::{LogError, LogStream};

/// How long a watch lasts, unless it ends before.
const LENGTH: Duration = Duration::from_secs(3_600);

/// How long a watch from the past may take until its first event.
const FIRST_EVENT: Duration = Duration::from_secs(2);

/// Watches every change after the last event in the cache.
pub(crate) async fn open(namespace: &Namespace) -> Result<Box<dyn LogStream>, LogError> {
    let after = namespace.cache.objects.lock().version;
    // A watch from a future resourceVersion would be silent for ever: nothing reports that a store was set back.
    let newest = namespace.api.head().await;
    let newest = newest.map_err(|error| log_error(&error))?;
    if newest < after || !has_same_leader_record(namespace, after).await? {
        namespace.cache.incarnation.fetch_add(1, Ordering::AcqRel);
        return Err(LogError::Gone);
    }
    let lines = namespace.api.watch(after, LENGTH).await;
    let lines = lines.map_err(|error| log_error(&error))?;
    Ok(Box::new(WatchStream::new(
        lines,
        Arc::clone(&namespace.cache),
    )))
}

/// Whether the cluster, at a version that the watch delivered, had the leader record that is in the cache. A restored backup
/// may have been written to since, and so have a higher version than the cache.
async fn has_same_leader_record(namespace: &Namespace, version: u64) -> Result<bool, LogError> {
    let cached = {
        let objects = namespace.cache.objects.lock();
        let leader = objects.leader.as_ref();
        leader.map(|leader| (leader.uid.clone(), leader.version))
    };
    let Some(cached) = cached else {
        return Ok(true);
    };
    let name = name::of(&LeaderRecord::key());
    let found = namespace.api.get_at(&name, version).await;
    let found = found.map_err(|error| log_error(&error))?;
    let found = found.and_then(|item| EntryObject::read(item.get()).ok());
    Ok(found.map(|object| (object.uid, object.version)) == Some(cached))
}

/// Whether the API server still delivers what happened after a version; `None` if it does not say in time. It keeps events
/// from its own start on, while etcd, which serves lists of the past, keeps older ones. There was at least one event:
/// the leader record was written after the version.
pub(crate) async fn has_events_since(api: &Api, version: u64) -> Option<bool> {
    let first = async {
        let lines = api.watch(version, LENGTH).await;
        first_event(lines.map_err(|error| log_error(&error))?).await
    };
    match tokio::time::timeout(FIRST_EVENT, first).await.ok()? {
        Ok(()) => Some(true),
        Err(LogError::Gone) => Some(false),
        Err(_) => None,
    }
}

/// Returns at the first event, or with the error that the watch ends with.
async fn first_event(mut lines: ResponseLines) -> Result<(), LogError> {
    match lines.next().await {
        Some(Ok(lines)) => lines.first().map_or(Ok(()), |line| parse(line).map(drop)),
        None | Some(Err(_)) => Err(LogError::Ended),
    }
}
