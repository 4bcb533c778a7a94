//! Rewinding: the objects as of a past resourceVersion, from a list of the present and the changes since.

use std::collections::HashMap;

use tokio::task::JoinSet;

use super::pages::{ListedObjects, list_whole, read};
use crate::store::kubernetes::client::api::Api;
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::watch::changes::{PastChange, changes_between};
use crate::store::shared::log::LogError;

/// The most objects that are read one by one, as they were.
const MOST_READ: usize = 2_000;

/// How many of them at a time.
const AT_ONCE: usize = 16;

/// Why a list is not rewound.
#[derive(Debug, thiserror::Error)]
pub(super) enum RewindError {
    /// The present or an object of the past cannot be read.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The changes in between cannot be watched.
    #[error("changes of the last minute: {0}")]
    Watch(#[from] LogError),
    /// The list has a change that the watch did not deliver, or the watch one of an object that was not there.
    #[error("the API server's list and watch do not fit together")]
    Inconsistent,
    /// More objects changed than are read one by one.
    #[error("too many objects have changed")]
    TooMany,
}

/// Every object as of the oldest of these resourceVersions after which few enough existing objects changed. `fresh` is a
/// resourceVersion that was read from etcd just before.
pub(super) async fn rewound(
    api: &Api,
    versions: &[u64],
    fresh: u64,
) -> Result<ListedObjects, RewindError> {
    let oldest = versions.first().copied().unwrap_or(fresh);
    let (listed_at, present) = list_whole(api, fresh).await?;
    let changes = changes_between(api, oldest, listed_at).await?;
    for version in versions {
        let changed = first_changes(&changes, *version);
        let existed = changed.iter().filter(|(_, is_creation)| !**is_creation);
        let existed: Vec<_> = existed.map(|(name, _)| (*name).to_owned()).collect();
        if existed.len() <= MOST_READ {
            let mut objects = unchanged(present, &changed, *version)?;
            objects.extend(read_at(api, existed, *version).await?);
            return Ok((*version, objects));
        }
    }
    Err(RewindError::TooMany)
}

/// By name, whether the first change of the object after a resourceVersion is its creation.
fn first_changes(changes: &[PastChange], after: u64) -> HashMap<&str, bool> {
    let mut first = HashMap::new();
    for change in changes.iter().filter(|change| change.version > after) {
        let name = change.name.as_str();
        first.entry(name).or_insert(change.is_creation);
    }
    first
}

/// The listed objects that are as they were at a resourceVersion.
fn unchanged(
    present: Vec<EntryObject>,
    changed: &HashMap<&str, bool>,
    at: u64,
) -> Result<Vec<EntryObject>, RewindError> {
    let present = present.into_iter();
    let objects = present.filter(|object| !changed.contains_key(object.name.as_str()));
    let objects: Vec<_> = objects.collect();
    // A lost change must not pass for the state before it.
    if objects.iter().any(|object| object.version > at) {
        return Err(RewindError::Inconsistent);
    }
    Ok(objects)
}

/// The objects of these names as they were.
async fn read_at(
    api: &Api,
    names: Vec<String>,
    version: u64,
) -> Result<Vec<EntryObject>, RewindError> {
    let mut objects = Vec::with_capacity(names.len());
    let mut names = names.into_iter();
    let mut reading = JoinSet::new();
    loop {
        while reading.len() < AT_ONCE
            && let Some(name) = names.next()
        {
            let api = api.clone();
            reading.spawn(async move { api.get_at(&name, version).await });
        }
        let Some(read_one) = reading.join_next().await else {
            return Ok(objects);
        };
        let item = read_one.map_err(|error| ApiError::Unknown(error.to_string()))??;
        objects.push(read(&item.ok_or(RewindError::Inconsistent)?)?);
    }
}
