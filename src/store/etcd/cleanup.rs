//! Clearing up behind what happened: entries that are to be moved to where their name says, attributes left over.

use super::cache::key_cache::{Fence, Seen};
use super::encoding::records::Attributes;
use super::log::EtcdLog;
use super::send::proposal::{Parts, json};
use crate::model::Key;
use crate::store::shared::log::SendError;
use crate::store::shared::write_ids::WriteIds;

/// The most left-over attributes that are removed at once.
const STRAYS: usize = 50;

/// Does everything there is to do now, once. What fails is there to do the next time.
pub(super) async fn once(log: &EtcdLog, write_ids: &WriteIds) {
    let (fence, unmoved, strays) = {
        let known = log.state.known.lock();
        let Some(fence) = known.fence else { return };
        // Somebody else leads, and does it.
        if write_ids
            .next()
            .is_none_or(|write_id| write_id.term != fence.term)
        {
            return;
        }
        let unmoved: Vec<_> = known
            .unmoved
            .iter()
            .map(|(name, key)| (name.clone(), key.clone(), known.seen(key).cloned()))
            .collect();
        let strays = known.strays.iter().filter_map(|key| {
            let attributes = known.slots.get(key)?.attributes?;
            Some((key.clone(), attributes))
        });
        (fence, unmoved, strays.collect::<Vec<_>>())
    };
    for (name, key, seen) in unmoved {
        let done = move_one(log, fence, &name, &key, seen).await;
        tell(done);
    }
    for strays in strays.chunks(STRAYS) {
        let mut parts = Parts::under(&log.layout, fence);
        for (key, modified) in strays {
            parts.is_at(log.layout.attributes(key), *modified);
            parts.delete(log.layout.attributes(key));
        }
        tell(parts.send(log).await);
    }
}

fn tell(done: Result<bool, SendError>) {
    match done {
        Ok(true) => {}
        Ok(false) => tracing::debug!("changed meanwhile, not cleared up yet"),
        Err(error) => tracing::debug!(%error, "not cleared up yet"),
    }
}

/// Moves an entry that is named by its revision; removes it where its place is taken.
async fn move_one(
    log: &EtcdLog,
    fence: Fence,
    name: &str,
    key: &Key,
    seen: Option<Seen>,
) -> Result<bool, SendError> {
    let (from, beside) = (
        log.layout.in_order(name),
        log.layout.in_order_attributes(name),
    );
    let mut parts = Parts::under(&log.layout, fence);
    if let Some(seen) = seen.filter(|seen| seen.unmoved.as_deref() == Some(name)) {
        let (value, ..) = log.get(&from, 0).await?;
        let (attributes, ..) = log.get(&beside, 0).await?;
        let (Some(value), Some(attributes)) = (value, attributes) else {
            return Ok(false);
        };
        let attributes: Attributes = serde_json::from_slice(&attributes.bytes)
            .map_err(|error| SendError::Refused(error.to_string()))?;
        let attributes = Attributes {
            at: Some(seen.index),
            parent: None,
            // A move is no commit.
            commit: None,
            ..attributes
        };
        parts.is_at(from.clone(), seen.modified);
        parts.is_at(beside.clone(), seen.modified);
        parts.is_absent(log.layout.value(key));
        parts.put(log.layout.value(key), value.bytes.to_vec());
        parts.put(log.layout.attributes(key), json(&attributes)?);
    }
    parts.delete(from);
    parts.delete(beside);
    parts.send(log).await
}
