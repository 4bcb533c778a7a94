//! What is known of a log, and who waits for more of it to be told.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};

/// What a log knows of what it is kept in.
pub(crate) trait Unsettled {
    /// Whether a leader has something to clear up.
    fn is_unsettled(&self) -> bool;
}

/// What is known, as it is told bit by bit.
#[derive(Debug, Default)]
pub(crate) struct Known<T> {
    now: Mutex<T>,
    /// Counts what was told.
    told: watch::Sender<u64>,
    unsettled: Notify,
}

impl<T: Unsettled> Known<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.now.lock()
    }

    /// Wakes who waits for something to be told.
    pub(crate) fn told(&self, now: MutexGuard<'_, T>) {
        let unsettled = now.is_unsettled();
        drop(now);
        self.told.send_modify(|count| *count += 1);
        if unsettled {
            self.unsettled.notify_one();
        }
    }

    /// Waits until what is known is as wanted, for so long at most; says whether it is.
    pub(crate) async fn wait_until(&self, patience: Duration, wanted: impl Fn(&T) -> bool) -> bool {
        let mut told = self.told.subscribe();
        let seen = told.wait_for(|_| wanted(&self.now.lock()));
        tokio::time::timeout(patience, seen).await.is_ok()
    }

    /// Returns when there is something to clear up.
    pub(crate) async fn unsettled(&self) {
        if !self.now.lock().is_unsettled() {
            self.unsettled.notified().await;
        }
    }
}

/// How many entries are not as a list has them, two times in a row: once, they may just have changed.
pub(crate) async fn differing<K, E, F>(once: impl Fn() -> F) -> Result<usize, E>
where
    K: Ord + Debug,
    F: Future<Output = Result<BTreeSet<K>, E>>,
{
    let first = once().await?;
    if first.is_empty() {
        return Ok(0);
    }
    let second = once().await?;
    let found: Vec<_> = first.intersection(&second).collect();
    tracing::debug!(?found, "not as it was told");
    Ok(found.len())
}
