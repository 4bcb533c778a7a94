//! Cleanup: in-order entries are renamed to their keys, and orphaned attributes deleted.

use super::cache::key_cache::{CachedValue, KeyCache, TermFence};
use super::encoding::records::{AttributesRecord, to_json};
use super::prefix::Prefix;
use super::send::transaction::Transaction;
use crate::model::Key;
use crate::store::shared::log::SendError;
use crate::store::shared::write_ids::WriteIds;

/// How many orphaned attributes one transaction deletes at most.
const BATCH: usize = 50;

/// What the cache says is to be cleaned up.
#[derive(Debug)]
struct CleanupTasks {
    fence: TermFence,
    renames: Vec<Rename>,
    /// Keys with orphaned attributes, and the revision those were written at.
    orphaned: Vec<(Key, u64)>,
}

/// An in-order entry that has a temporary name.
#[derive(Debug)]
struct Rename {
    temporary_name: String,
    key: Key,
    /// The value that clients see at the key: this entry's, or another writer's that took the key first.
    value: Option<CachedValue>,
}

/// Cleans up once. What fails is left for the next time.
pub(super) async fn once(prefix: &Prefix, write_ids: &WriteIds) {
    let Some(tasks) = tasks(&prefix.cache.lock(), write_ids) else {
        return;
    };
    for rename in tasks.renames {
        let done = rename.carry_out(prefix, tasks.fence).await;
        log_unless_done(done);
    }
    for orphaned in tasks.orphaned.chunks(BATCH) {
        let mut transaction = Transaction::fenced(&prefix.layout, tasks.fence);
        for (key, modified) in orphaned {
            transaction.require_revision(prefix.layout.attributes(key), *modified);
            transaction.delete(prefix.layout.attributes(key));
        }
        log_unless_done(transaction.send(prefix).await);
    }
}

/// Everything to clean up now; `None` where another gateway leads, which does it.
fn tasks(cache: &KeyCache, write_ids: &WriteIds) -> Option<CleanupTasks> {
    let fence = cache.fence?;
    if write_ids.next()?.term != fence.term {
        return None;
    }
    let renames = cache.temporary.iter().map(|(name, key)| Rename {
        temporary_name: name.clone(),
        key: key.clone(),
        value: cache.value(key).cloned(),
    });
    let orphaned = cache.orphaned_attributes.iter().filter_map(|key| {
        let attributes = cache.slots.get(key)?.attributes?;
        Some((key.clone(), attributes))
    });
    Some(CleanupTasks {
        fence,
        renames: renames.collect(),
        orphaned: orphaned.collect(),
    })
}

fn log_unless_done(done: Result<bool, SendError>) {
    match done {
        Ok(true) => {}
        Ok(false) => tracing::debug!("not cleaned up yet: a key has changed meanwhile"),
        Err(error) => tracing::debug!(%error, "not cleaned up yet"),
    }
}

impl Rename {
    /// Moves the entry to its key; deletes it where another writer has taken the key.
    async fn carry_out(self, prefix: &Prefix, fence: TermFence) -> Result<bool, SendError> {
        let layout = &prefix.layout;
        let from = layout.temporary_value(&self.temporary_name);
        let beside = layout.temporary_attributes(&self.temporary_name);
        let mut transaction = Transaction::fenced(layout, fence);
        let is_own = |value: &CachedValue| {
            value.temporary_name.as_deref() == Some(self.temporary_name.as_str())
        };
        if let Some(cached) = self.value.filter(is_own) {
            let value = prefix.get(&from, 0).await?.value;
            let attributes = prefix.get(&beside, 0).await?.value;
            let (Some(value), Some(attributes)) = (value, attributes) else {
                return Ok(false);
            };
            let attributes: AttributesRecord = serde_json::from_slice(&attributes.bytes)
                .map_err(|error| SendError::Refused(error.to_string()))?;
            let attributes = AttributesRecord {
                at: Some(cached.index),
                place: 0,
                parent: None,
                // A rename is no commit.
                commit: None,
                ..attributes
            };
            transaction.require_revision(from.clone(), cached.modified);
            transaction.require_revision(beside.clone(), cached.modified);
            transaction.require_absent(layout.value(&self.key));
            transaction.put(layout.value(&self.key), value.bytes.to_vec());
            transaction.put(layout.attributes(&self.key), to_json(&attributes)?);
        }
        transaction.delete(from);
        transaction.delete(beside);
        transaction.send(prefix).await
    }
}
