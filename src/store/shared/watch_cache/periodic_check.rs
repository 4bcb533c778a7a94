//! Comparing what is known with what there is: a change that was never told would be missing for ever.

use std::sync::Arc;
use std::time::Duration;

use crate::store::shared::log::Log;
use crate::store::shared::watch_cache::follower::Follower;

/// How often. Each time everything is listed.
const EVERY: Duration = Duration::from_secs(300);

/// Compares now and then, and when this gateway begins to lead; reads everything anew where something differs.
pub(in crate::store::shared) async fn now_and_then(
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
) -> ! {
    loop {
        let _asked = tokio::time::timeout(EVERY, follower.doubted()).await;
        match log.compare().await {
            Ok(0) => {}
            Ok(entries) => {
                let found = u64::try_from(entries).unwrap_or(u64::MAX);
                follower.metrics.differences.inc_by(found);
                tracing::error!(
                    entries,
                    "changes were never told by the store: all is read anew"
                );
                follower.load_anew();
            }
            Err(error) => tracing::debug!(%error, "what is known cannot be compared"),
        }
    }
}
