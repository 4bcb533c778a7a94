//! Loading the prefix: a full list, from the recent past where etcd still has it.

use crate::store::etcd::cache::key_cache::KeyCache;
use crate::store::etcd::connection::version;
use crate::store::etcd::encoding::leader;
use crate::store::etcd::encoding::numbering::Numbering;
use crate::store::etcd::list::pages::READ_TIMEOUT;
use crate::store::etcd::prefix::{ListedPrefix, Prefix};
use crate::store::shared::log::{LogContents, LogError};

/// Loads the prefix into the key cache.
pub(crate) async fn load(prefix: &Prefix) -> Result<LogContents, LogError> {
    let is_first = prefix.take_first_load();
    if is_first {
        version::log_version(&prefix.pool, READ_TIMEOUT).await;
    }
    let past = if is_first {
        list_past(prefix).await
    } else {
        None
    };
    let listed = match past {
        Some(listed) => listed,
        None => prefix.list_now().await?,
    };
    let (loaded, contents) = KeyCache::from_list(listed.cluster, listed.revision, listed.keys);
    if let Some(newer) = loaded.leader.as_ref().and_then(|leader| leader.newer) {
        return Err(LogError::Misconfigured(newer.to_string()));
    }
    let mut cache = prefix.cache.lock();
    if cache.cluster != 0 && cache.cluster != loaded.cluster {
        prefix.begin_incarnation();
    }
    *cache = loaded;
    prefix.cache.publish(cache);
    Ok(contents)
}

/// Lists the prefix as of a past revision that the leader record names: the watch then delivers what happened since,
/// for clients that reconnect. `None` where all of those are compacted.
async fn list_past(prefix: &Prefix) -> Option<ListedPrefix> {
    let stored = prefix.get(&prefix.layout.leader(), 0).await.ok()?;
    let stored = stored.value?;
    let leader = leader::read(&stored.bytes, stored.modified).ok()??;
    let numbering = Numbering::of(&leader);
    for passed in &leader.past {
        let at = numbering.revision(passed.revision);
        let at = at.filter(|at| *at > 0)?;
        match prefix.list_at(at).await {
            Ok(listed) => return Some(listed),
            Err(error) => tracing::debug!(%error, revision = at, "cannot list a past revision"),
        }
    }
    None
}
