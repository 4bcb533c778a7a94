//! The periodic check of the watch cache against a full list: a change that the watch never delivered would be missing
//! for ever.

use std::sync::Arc;
use std::time::Duration;

use crate::store::shared::log::Log;
use crate::store::shared::watch_cache::follower::Follower;

/// The time between two checks. Each one lists everything.
const INTERVAL: Duration = Duration::from_secs(300);

/// Checks at intervals and on request, as when this gateway begins to lead; asks for a relist where something differs.
pub(in crate::store::shared) async fn run(log: Arc<dyn Log>, follower: Arc<Follower>) -> ! {
    loop {
        let _requested = tokio::time::timeout(INTERVAL, follower.check_requested()).await;
        match log.compare().await {
            Ok(0) => {}
            Ok(entries) => {
                let differing = u64::try_from(entries).unwrap_or(u64::MAX);
                follower.metrics.differences.inc_by(differing);
                tracing::error!(
                    entries,
                    "the store's watch lost changes: a full list differs from the cache; everything is listed again"
                );
                follower.request_relist();
            }
            Err(error) => {
                tracing::debug!(%error, "the cache could not be compared with a full list");
            }
        }
    }
}
