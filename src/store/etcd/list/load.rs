//! Loading the prefix: a full list, from the recent past where etcd still has it.

use crate::store::etcd::cache::key_cache::KeyCache;
use crate::store::etcd::connection::version;
use crate::store::etcd::encoding::leader;
use crate::store::etcd::encoding::numbering::Numbering;
use crate::store::etcd::list::pages::READ_TIMEOUT;
use crate::store::etcd::prefix::{ListedPrefix, Prefix};
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::{LogContents, LogError};

/// The most revisions that a first load leaves to the watch. etcd delivers a thousand of what is past in 100 ms, and a gateway
/// leads, or serves, only when it has seen all of it.
const MOST_REPLAYED: u64 = 10_000;

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
/// for clients that reconnect. `None` where all of those are compacted, or too far back.
async fn list_past(prefix: &Prefix) -> Option<ListedPrefix> {
    let answer = prefix.get(&prefix.layout.leader(), 0).await.ok()?;
    let stored = answer.value?;
    let leader = leader::read(&stored.bytes, stored.modified).ok()??;
    for at in past_of(&leader, answer.head) {
        match prefix.list_at(at).await {
            Ok(listed) => return Some(listed),
            Err(error) => tracing::debug!(%error, revision = at, "cannot list a past revision"),
        }
    }
    None
}

/// The past revisions of a leader record that are near enough to `head`, the oldest first.
fn past_of(leader: &LeaderRecord, head: u64) -> impl Iterator<Item = u64> {
    let numbering = Numbering::of(leader);
    let past = leader.past.iter();
    past.filter_map(move |passed| numbering.revision(passed.revision))
        .filter(move |at| *at > 0 && head.saturating_sub(*at) <= MOST_REPLAYED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::shared::election::leader_record::PastRevision;

    #[test]
    fn the_past_that_is_replayed_is_bounded() {
        let past = [5, 40_000, 41_000].map(|revision| PastRevision { revision, at_ms: 0 });
        let leader = LeaderRecord {
            past: past.to_vec(),
            ..LeaderRecord::default()
        };
        let listed = |head| past_of(&leader, head).collect::<Vec<_>>();
        assert_eq!(listed(10_005), [5, 40_000, 41_000]);
        assert_eq!(listed(41_500), [40_000, 41_000]);
        assert_eq!(listed(50_001), [41_000]);
        assert_eq!(listed(200_000), [0; 0]);
    }
}
