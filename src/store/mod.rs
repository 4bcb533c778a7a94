//! Stores: a durable, ordered, revisioned log of entries, as `trait Store`, and its implementations.
//!
//! A store knows no sessions, watchers or directories: those belong to the keyspace. Each implementation has a folder or
//! file of its own, and translates its client's errors into [`CommitError`] and [`StoreError`] itself.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::model::{Commit, Proposal};

mod contents;
mod deletion_queue;
pub mod embedded;
mod error;
pub mod etcd;
mod key_hash;
pub mod kubernetes;
mod limits;
mod memory;
mod order;
mod sequencer;
pub mod shared;

pub use contents::{
    DirectoryChanges, DirectoryCheckpoint, DirectoryRecord, Gap, RetentionFloors, StoreContents,
};
#[cfg(test)]
pub(crate) use deletion_queue::MAX_DELETIONS;
pub(crate) use deletion_queue::{DeletionQueue, excess_deletions};
pub use error::{CommitError, StoreError};
pub(crate) use key_hash::KeyHash;
pub use limits::Limits;
pub use memory::MemoryStore;
pub use order::{Accepted, AcceptedOutcome, CommitOrder, NotAccepted, QueueRoom, Submission};

/// A future returned by a method of a `dyn` trait.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a sink has ready for the delivery of one commit; `None` where nothing is.
pub type PreparedDelivery = Option<Box<dyn Any + Send>>;

/// The receiver of every commit, in the order of revisions, each once.
pub trait CommitSink: Send + Sync {
    /// Takes commits that are already durable. Returns when the snapshot for reads and every watcher have them, so that the
    /// store may then answer the callers that proposed them. Called by one thread at a time.
    fn deliver(&self, commits: Vec<Arc<Commit>>);

    /// Gets ready for commits that are being made durable meanwhile: they are delivered next, or nothing is delivered any more.
    /// Nobody may see anything of them before that.
    fn prepare(&self, _commits: &[Arc<Commit>]) {}

    /// Gets ready for a commit that deletes many keys, writes few, and has no revision yet: nor do the entries that it puts. Commits
    /// of other keys are delivered before it; none of its own is. Nobody may see anything of it, and nobody keeps it.
    fn prepare_wide(&self, _commit: &Arc<Commit>) -> PreparedDelivery {
        None
    }

    /// Delivers that commit, as [`CommitSink::deliver`] does, by what was prepared.
    fn deliver_wide(&self, commit: Arc<Commit>, _prepared: PreparedDelivery) {
        self.deliver(vec![commit]);
    }

    /// Reports a gap: not every commit up to this revision was delivered, so entries that were written and deleted within
    /// it are lost. A store that only this gateway writes to never has a gap.
    fn lose(&self, _revision: u64) {}
}

/// A durable, ordered, revisioned log of entries.
///
/// One keyspace opens it once. Revisions start at 1 and grow by one with each commit; none is used twice, even when a
/// commit was lost before anyone observed it.
pub trait Store: Send + Sync + fmt::Debug {
    /// The size limits.
    fn limits(&self) -> Limits;

    /// Reads the contents, and delivers every later commit to `sink`.
    fn open(&self, sink: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>>;

    /// Makes all writes of a proposal if every precondition holds, or none.
    ///
    /// Answers after the commit is durable and was delivered. The future may be dropped; the proposal then takes effect or
    /// not, but never in part.
    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>>;

    /// Whether this store weighs a proposal, and prepares it as far as it can, beside the others, and gives it its place in the order
    /// when that is done. It is decided on durable entries alone, and what it reads and writes is locked; it takes
    /// [`Store::commit`].
    fn prepares(&self, _proposal: &Proposal) -> bool {
        false
    }

    /// The order in which this store accepts, once it is open, where it accepts in order. `None` where outcomes can be unknown
    /// while later writes succeed: on every shared store.
    fn order(&self) -> Option<Arc<dyn CommitOrder>> {
        None
    }

    /// Whether the counts of directories are derived from the entries alone when this store is opened, which has no checkpoint
    /// then. Deletions leave records of them.
    fn derives_directories(&self) -> bool {
        false
    }

    /// How many indexes each state has that the keyspace ever shows: it shows either no commit or all of so many indexes, which
    /// begin at a multiple of this.
    fn indexes_per_state(&self) -> u64 {
        1
    }

    /// Keeps a checkpoint of directories, after all that were handed over before and before history is dropped that
    /// [`Store::trim`] allows from now on. Only of use to a store whose contents had one.
    fn keep_directories(&self, _changes: DirectoryChanges) {}

    /// Allows the history at or below these floors to be dropped.
    fn trim(&self, floors: RetentionFloors);

    /// Finishes the waiting commits and releases all resources. Later commits are refused as unavailable.
    fn close(&self) -> BoxFuture<'_, ()>;
}
