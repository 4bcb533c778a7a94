//! The object cache as the watch, the writers and the cleanup share it.

use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::MutexGuard;

use super::object_cache::ObjectCache;
use crate::store::shared::Metrics;
use crate::store::shared::watched_state::WatchedState;

/// The object cache, and what else one gateway remembers of its namespace.
#[derive(Debug)]
pub(crate) struct SharedCache {
    pub(crate) objects: WatchedState<ObjectCache>,
    /// The API server drops fields: its definition is of another version.
    pub(crate) drops_fields: AtomicBool,
    /// Nothing was loaded yet.
    pub(crate) first_load: AtomicBool,
    /// Counts how often the cluster's store was replaced or restored.
    pub(crate) incarnation: AtomicU64,
    metrics: Metrics,
}

impl SharedCache {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            objects: WatchedState::default(),
            drops_fields: AtomicBool::new(false),
            first_load: AtomicBool::new(true),
            incarnation: AtomicU64::new(0),
            metrics,
        }
    }

    /// Ends a change of the cache: wakes everybody who waits for one.
    pub(crate) fn changed(&self, objects: MutexGuard<'_, ObjectCache>) {
        let invalid = i64::try_from(objects.invalid.len()).unwrap_or(i64::MAX);
        self.metrics.invalid_objects.set(invalid);
        self.objects.publish(objects);
    }
}
