//! The state of a log's backend, as its watch delivers it, with wake-ups for tasks that wait for a change of it.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};

/// A state that may hold something to clean up.
pub(crate) trait NeedsCleanup {
    /// Whether the leader has something to clean up.
    fn needs_cleanup(&self) -> bool;
}

/// A state that the watch advances event by event.
#[derive(Debug, Default)]
pub(crate) struct WatchedState<T> {
    state: Mutex<T>,
    /// Counts the changes published.
    changes: watch::Sender<u64>,
    cleanup: Notify,
}

impl<T: NeedsCleanup> WatchedState<T> {
    /// The state, locked.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.state.lock()
    }

    /// Unlocks the state after a change, and wakes the tasks that wait for one.
    pub(crate) fn publish(&self, changed: MutexGuard<'_, T>) {
        let needs_cleanup = changed.needs_cleanup();
        drop(changed);
        self.changes.send_modify(|count| *count += 1);
        if needs_cleanup {
            self.cleanup.notify_one();
        }
    }

    /// Waits until the state is as wanted, at most this long; says whether it is.
    pub(crate) async fn wait_until(&self, patience: Duration, wanted: impl Fn(&T) -> bool) -> bool {
        let mut changes = self.changes.subscribe();
        let reached = changes.wait_for(|_| wanted(&self.state.lock()));
        tokio::time::timeout(patience, reached).await.is_ok()
    }

    /// Returns when there is something to clean up.
    pub(crate) async fn cleanup_needed(&self) {
        if !self.state.lock().needs_cleanup() {
            self.cleanup.notified().await;
        }
    }
}
