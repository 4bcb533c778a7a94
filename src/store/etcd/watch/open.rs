//! Opening of a watch, after a check that etcd is still the one that was read.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::WatchOptions;
use tokio::time::Instant;

use super::stream::{PrefixWatch, check_refusal};
use crate::store::etcd::connection::error::EtcdError;
use crate::store::etcd::connection::pool::PooledConnection;
use crate::store::etcd::encoding::layout::EtcdKey;
use crate::store::etcd::encoding::revision;
use crate::store::etcd::list::pages::MAX_ANSWER_BYTES;
use crate::store::etcd::prefix::Prefix;
use crate::store::shared::log::LogError;
use crate::store::shared::metrics::StoreVerb;

/// How long a watch may take to begin.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Watches the prefix from after the revision of the key cache.
pub(crate) async fn open(prefix: &Prefix) -> Result<PrefixWatch, LogError> {
    let after = prefix.cache.lock().revision;
    let mut pooled = PooledConnection::new(&prefix.pool).await?;
    // A watch from a revision that does not exist yet would be silent for ever.
    if !is_same_etcd(prefix, after).await? {
        prefix.begin_incarnation();
        pooled.keep();
        return Err(LogError::Gone);
    }
    let (first_key, end) = prefix.layout.range();
    let options = WatchOptions::new()
        .with_range(end)
        .with_start_revision(revision::to_wire(after + 1))
        .with_progress_notify();
    let client = pooled.connection.client.watch_client();
    let mut client = client.max_decoding_message_size(MAX_ANSWER_BYTES);
    let begin = async {
        let mut stream = client.watch(first_key, Some(options)).await?;
        let first = stream.message().await?;
        Ok((stream, first))
    };
    let start = Instant::now();
    let begun = tokio::time::timeout(BEGIN_TIMEOUT, begin).await;
    prefix.pool.count(StoreVerb::Watch, start, &begun);
    let Ok(begun) = begun else {
        let why = "etcd did not begin the watch within 5 s";
        return Err(EtcdError::UnknownOutcome(why.to_owned()).into());
    };
    let (stream, first) = begun.map_err(|error| EtcdError::of(&error))?;
    let Some(first) = first else {
        return Err(LogError::Ended);
    };
    check_refusal(&first)?;
    let (layout, cache) = (prefix.layout.clone(), Arc::clone(&prefix.cache));
    Ok(PrefixWatch::new(stream, pooled, layout, cache))
}

/// Whether etcd is still the one that was read: a restored backup has the same members and other revisions.
async fn is_same_etcd(prefix: &Prefix, revision: u64) -> Result<bool, EtcdError> {
    let (last_key, last, leader, cached_cluster) = {
        let cache = prefix.cache.lock();
        let last = cache.last_commit.clone();
        let (key, last) = last.map_or((EtcdKey::Commit(0), None), |last| (last.key, last.value));
        let leader = cache.leader.as_ref();
        let leader = leader.map(|leader| (leader.modified, leader.bytes.clone()));
        (key, last, leader, cache.cluster)
    };
    let (leader_key, last_key) = (prefix.layout.leader(), prefix.layout.encode(&last_key));
    let read = tokio::try_join!(
        prefix.get(&leader_key, revision),
        prefix.get(&last_key, revision)
    );
    let (first, second) = match read {
        Err(EtcdError::FutureRevision) => return Ok(false),
        read => read?,
    };
    let (head, cluster) = (first.head, first.cluster);
    let stored = [first, second].map(|key| key.value.map(|value| (value.modified, value.bytes)));
    Ok(head >= revision && cluster == cached_cluster && stored == [leader, last])
}
