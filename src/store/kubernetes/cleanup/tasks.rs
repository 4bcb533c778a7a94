//! Clearing up behind what happened: steps of transactions, tombstones, what is void.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::model::Revision;
use crate::store::kubernetes::cache::object_cache::{Begun, Objects};
use crate::store::kubernetes::cache::slot::State;
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::log::KubernetesLog;
use crate::store::kubernetes::send::requests::{Request, step};
use crate::store::shared::write_ids::WriteIds;

/// Requests side by side: they are to leave room for clients' own.
const SIDE_BY_SIDE: usize = 8;

/// How long to wait where the API server refuses, and does not say for how long.
const REFUSED: Duration = Duration::from_secs(1);

/// How long to wait at most.
const LONGEST: Duration = Duration::from_secs(5);

/// Something to do.
#[derive(Debug)]
pub(crate) enum Chore {
    Write(Request),
    Remove {
        name: String,
        uid: String,
        version: u64,
    },
}

/// Does everything there is to do now, once. What fails is there to do the next time.
pub(crate) async fn once(log: &KubernetesLog, write_ids: &WriteIds) {
    let chores = chores(&log.state.objects.lock(), write_ids);
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut done = JoinSet::new();
    for chore in chores {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let log = KubernetesLog {
            api: log.api.clone(),
            state: Arc::clone(&log.state),
        };
        done.spawn(async move {
            let worked = chore.work(&log).await;
            drop(place);
            worked
        });
    }
    let mut pause = Duration::ZERO;
    while let Some(worked) = done.join_next().await {
        let Ok(Err(error)) = worked else {
            continue;
        };
        tracing::debug!(%error, "not cleared up yet");
        if error.reason().is_some() {
            pause = pause.max(error.retry_after().unwrap_or(REFUSED).min(LONGEST));
        }
    }
    tokio::time::sleep(pause).await;
}

impl Chore {
    async fn work(self, log: &KubernetesLog) -> Result<(), ApiError> {
        match self {
            Self::Write(request) => request.send(log).await.map(drop),
            Self::Remove { name, uid, version } => {
                let removed = log.api.remove(&name, &uid, version).await.map(drop);
                if removed
                    .as_ref()
                    .is_err_and(|error| error.status() == Some(404))
                {
                    log.state.objects.lock().is_gone(&name, &uid);
                    return Ok(());
                }
                removed
            }
        }
    }
}

fn remove(name: &str, uid: &str, version: u64) -> Chore {
    Chore::Remove {
        name: name.to_owned(),
        uid: uid.to_owned(),
        version,
    }
}

pub(crate) fn chores(objects: &Objects, write_ids: &WriteIds) -> Vec<Chore> {
    let spent = objects.spent.iter();
    let mut chores: Vec<Chore> = spent
        .map(|(name, (uid, version))| remove(name, uid, *version))
        .collect();
    for begun in objects.journals.values() {
        if begun.steps.is_empty() {
            chores.push(remove(&begun.name, &begun.uid, begun.version));
        }
        let steps = begun.steps.iter();
        chores
            .extend(steps.filter_map(|(name, at)| next_step(objects, write_ids, begun, name, *at)));
    }
    let names = objects.chores.iter();
    chores.extend(names.filter_map(|name| of_object(objects, write_ids, name)));
    chores
}

/// A step of a transaction that is not taken yet.
fn next_step(
    objects: &Objects,
    write_ids: &WriteIds,
    begun: &Begun,
    name: &str,
    at: usize,
) -> Option<Chore> {
    if objects.is_written_later(name, begun.commit.revision) {
        return None;
    }
    let slot = objects.slots.get(name);
    let there = slot.and_then(|slot| slot.object.as_ref());
    let change = begun.commit.changes.get(at)?;
    let now = change.now.as_deref();
    let sub = u32::try_from(at).unwrap_or(u32::MAX);
    let place = Revision::new(begun.commit.revision, sub);
    let spec = step(&change.key, now, now.map_or(place, |now| now.modified));
    Some(Chore::Write(Request::new(
        &change.key,
        spec,
        Some(write_ids.next()?),
        there,
    )))
}

/// A tombstone to remove, or a void write to undo.
fn of_object(objects: &Objects, write_ids: &WriteIds, name: &str) -> Option<Chore> {
    // While a transaction is about it, a tombstone tells whoever loads that the entry was deleted since.
    if objects.journals.values().any(|begun| begun.is_about(name)) {
        return None;
    }
    let slot = objects.slots.get(name)?;
    let there = slot.object.as_ref()?;
    match (&slot.shown, there.state) {
        (Some((key, entry)), State::Void) => {
            let spec = step(key, Some(entry), entry.modified);
            Some(Chore::Write(Request::new(
                key,
                spec,
                Some(write_ids.next()?),
                Some(there),
            )))
        }
        (None, State::Void | State::Tombstone) => Some(remove(name, &there.uid, there.version)),
        _ => None,
    }
}
