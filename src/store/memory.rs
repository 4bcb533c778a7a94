//! The memory store: nothing survives closing it; for tests, and for data that need not last.

use std::sync::Arc;

use parking_lot::Mutex;

use super::sequencer::Sequencer;
use super::{
    BoxFuture, CommitError, CommitSink, Limits, RetentionFloors, Store, StoreContents, StoreError,
};
use crate::model::{Commit, LeaseId, Proposal};

/// Entries in memory only.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<Option<OpenStore>>,
}

struct OpenStore {
    sequencer: Sequencer,
    sink: Arc<dyn CommitSink>,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryStore")
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn commit_now(&self, proposal: Proposal) -> Result<Arc<Commit>, CommitError> {
        let mut state = self.state.lock();
        let open = state
            .as_mut()
            .ok_or_else(|| CommitError::Unavailable("the memory store is closed".to_owned()))?;
        let commit = Arc::new(open.sequencer.accept(proposal)?);
        // Delivered under the lock, so that commits are delivered in the order of revisions.
        open.sink.deliver(vec![Arc::clone(&commit)]);
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

    fn open(&self, sink: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        Box::pin(async move {
            let contents = StoreContents {
                identity: u64::try_from(LeaseId::random().0 >> 64).unwrap_or_default(),
                ..StoreContents::default()
            };
            let sequencer = Sequencer::new(contents.revision, &contents.entries);
            *self.state.lock() = Some(OpenStore { sequencer, sink });
            Ok(contents)
        })
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        Box::pin(async move { self.commit_now(proposal) })
    }

    /// Does nothing: this store keeps no history of its own.
    fn trim(&self, _keep: RetentionFloors) {}

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            *self.state.lock() = None;
        })
    }
}
