//! The periodic check of the watch cache against a full list: a change that the watch never delivered would be missing
//! for ever.

use std::sync::Arc;
use std::time::Duration;

use crate::store::shared::log::Log;
use crate::store::shared::watch_cache::follower::Follower;

/// The time between two checks. Each one lists everything.
const INTERVAL: Duration = Duration::from_secs(300);

/// The time until a check that failed is tried again.
const RETRY: Duration = Duration::from_secs(15);

/// Checks at intervals and on request, as when this gateway begins to lead; asks for a relist where something differs.
pub(in crate::store::shared) async fn run(log: Arc<dyn Log>, follower: Arc<Follower>) -> ! {
    let mut pause = INTERVAL;
    loop {
        let _requested = tokio::time::timeout(pause, follower.check_requested()).await;
        pause = INTERVAL;
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
                pause = RETRY;
                tracing::debug!(%error, "the cache could not be compared with a full list");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::store::shared::metrics::Metrics;
    use crate::store::shared::watch_cache::broken_log::BrokenLog;

    #[tokio::test(start_paused = true)]
    async fn check_that_failed_is_tried_again_soon() {
        let broken = Arc::new(BrokenLog {
            failing: AtomicU32::new(2),
            ..BrokenLog::default()
        });
        let log: Arc<dyn Log> = Arc::<BrokenLog>::clone(&broken);
        let (follower, following) = Follower::start(
            Arc::clone(&log),
            "holder",
            Arc::default(),
            Metrics::default(),
        );
        let checks = tokio::spawn(run(log, Arc::clone(&follower)));
        follower.request_check();
        tokio::time::sleep(3 * RETRY).await;
        assert_eq!(broken.compared.load(Ordering::Relaxed), 3);
        checks.abort();
        following.abort();
    }
}
