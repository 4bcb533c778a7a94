//! Stuck store: a store in memory that answers clients' writes with an error, or never, from when it is told to.

use std::sync::Arc;

use kubekv::model::{Commit, Proposal};
use kubekv::store::{
    BoxFuture, CommitError, CommitSink, Limits, MemoryStore, RetentionFloors, Store, StoreContents,
    StoreError,
};
use parking_lot::Mutex;

/// How a write is answered.
#[derive(Clone, Debug, Default)]
pub enum StuckAnswer {
    /// As usual.
    #[default]
    Works,
    /// Never.
    Never,
    /// With this error.
    Error(CommitError),
    /// The next one with this error, and those after it as usual.
    ErrorOnce(CommitError),
}

/// The store.
#[derive(Debug, Default)]
pub struct StuckStore {
    inner: MemoryStore,
    answer: Mutex<StuckAnswer>,
}

impl StuckStore {
    /// Answers every later write like this.
    pub fn answer(&self, answer: StuckAnswer) {
        *self.answer.lock() = answer;
    }
}

impl Store for StuckStore {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn open(&self, sink: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        self.inner.open(sink)
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        let mut answer = self.answer.lock();
        match answer.clone() {
            StuckAnswer::Works => self.inner.commit(proposal),
            StuckAnswer::Never => Box::pin(std::future::pending()),
            StuckAnswer::Error(error) => Box::pin(async { Err(error) }),
            StuckAnswer::ErrorOnce(error) => {
                *answer = StuckAnswer::Works;
                Box::pin(async { Err(error) })
            }
        }
    }

    fn trim(&self, keep: RetentionFloors) {
        self.inner.trim(keep);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
