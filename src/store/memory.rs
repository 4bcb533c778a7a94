//! A store that forgets everything when it is closed: for tests, and for what need not last.

use std::sync::Arc;

use parking_lot::Mutex;

use super::sequencer::Sequencer;
use super::{
    BoxFuture, CommitError, CommitSink, Limits, RetentionFloors, Store, StoreContents, StoreError,
};
use crate::model::{Commit, LeaseId, Proposal};

/// Entries in memory alone.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<Option<Line>>,
}

struct Line {
    sequencer: Sequencer,
    feed: Arc<dyn CommitSink>,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryStore")
    }
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn commit_now(&self, proposal: Proposal) -> Result<Arc<Commit>, CommitError> {
        let mut state = self.state.lock();
        let line = state
            .as_mut()
            .ok_or_else(|| CommitError::Unavailable("the memory store is closed".to_owned()))?;
        let commit = Arc::new(line.sequencer.accept(proposal)?);
        // Delivered under the lock: the order of delivery is the order of revisions.
        line.feed.deliver(vec![Arc::clone(&commit)]);
        Ok(commit)
    }
}

impl Store for MemoryStore {
    fn limits(&self) -> Limits {
        Limits {
            value_bytes: 2 << 20,
            key_bytes: 4096,
            writes: 1 << 20,
            commit_bytes: 1 << 30,
        }
    }

    fn open(&self, feed: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        Box::pin(async move {
            let opened = StoreContents {
                identity: u64::try_from(LeaseId::random().0 >> 64).unwrap_or_default(),
                ..StoreContents::default()
            };
            let sequencer = Sequencer::new(opened.revision, &opened.entries);
            *self.state.lock() = Some(Line { sequencer, feed });
            Ok(opened)
        })
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        Box::pin(async move { self.commit_now(proposal) })
    }

    /// Nothing to forget: this store keeps no history of its own.
    fn trim(&self, _keep: RetentionFloors) {}

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            *self.state.lock() = None;
        })
    }
}
