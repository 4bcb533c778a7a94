//! The floor: a durable, ordered, revisioned log of entries, and nothing more.
//!
//! No sessions, no watchers, no directories: those are the keyspace's. One folder or file a store, each with its own
//! translation of its client's errors into [`CommitError`] and [`StoreError`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::model::{Commit, Entry, Key, Proposal, Realm};

pub mod embedded;
pub mod etcd;
pub mod kubernetes;
mod memory;
mod sequencer;
pub mod shared;

pub use memory::MemoryStore;

/// A future a store returns behind the trait.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a store can take, asked once when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest value, in bytes.
    pub value_bytes: usize,
    /// The longest key of a client, in bytes.
    pub key_bytes: usize,
    /// The most writes of one commit.
    pub writes: usize,
    /// The most bytes of keys and values in one commit.
    pub commit_bytes: usize,
}

/// How much longer than a client's key the key of a record about it may be, in bytes.
const ABOUT_A_KEY: usize = 64;

impl Limits {
    /// The longest key in a realm, in bytes. The gateway keeps records about the longest key of a client, too: a lease
    /// that locks it must be able to end.
    pub fn longest_key(&self, realm: Realm) -> usize {
        match realm {
            Realm::User => self.key_bytes,
            Realm::System => self.key_bytes + ABOUT_A_KEY,
        }
    }
}

/// All that a store holds, as of one revision.
#[derive(Debug, Default)]
pub struct StoreContents {
    /// The last revision on the line; commits go on from here.
    pub revision: u64,
    /// A name made once when the store was made, so that another store's revisions are never taken for its own.
    pub identity: u64,
    /// Every entry, in any order.
    pub entries: Vec<(Key, Arc<Entry>)>,
    /// The commits kept, oldest first.
    pub history: Vec<Arc<Commit>>,
    /// Every commit after this revision is in `history`.
    pub history_floor: u64,
    /// When keys that are gone now were deleted (main revision), in any order.
    pub deletions: Vec<(Key, u64)>,
    /// Every key deleted after this revision and not written since is in `deletions`.
    pub deletions_floor: u64,
    /// But not where nothing was told for a while, oldest first.
    pub gaps: Vec<Gap>,
    /// Clients may have been told so high an index of what is not there, whatever is known of when it went.
    pub index_floor: u64,
}

/// A time of which a store knows the result alone: not what came and went in it, nor when what is gone went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last revision before it.
    pub from: u64,
    /// The last revision in it.
    pub to: u64,
}

/// How much of the past the keyspace still wants; a store may forget the rest, at leisure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionFloors {
    /// Commits after this revision.
    pub history_floor: u64,
    /// Deletions after this revision.
    pub deletions_floor: u64,
}

/// Why a store could not be opened: one line for the person who started the gateway.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// What became of a proposal that was not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A guard did not hold; nothing happened.
    #[error("an entry changed meanwhile")]
    Conflict,
    /// There is no room to write, or a rule of the place where entries are kept forbids it; nothing happened, and reads
    /// go on.
    #[error("{0}")]
    Full(String),
    /// It is more than the place where entries are kept takes at once; nothing happened.
    #[error("{0}")]
    TooLarge(String),
    /// The store cannot be reached or is closing; nothing happened.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// Whether it happened is not known; it must not be repeated blindly.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// Where a store hands every commit to, in the order of revisions, each once.
pub trait CommitSink: Send + Sync {
    /// Takes commits that are durable by now. Returns when the view and every watcher have them, so that the store
    /// may then answer who asked for them. Called by one thread at a time.
    fn deliver(&self, commits: Vec<Arc<Commit>>);

    /// Not everything that happened up to this revision was delivered: what came and went between is lost. A store
    /// of this gateway's own loses nothing.
    fn lose(&self, _revision: u64) {}
}

/// A durable, ordered, revisioned log of entries.
///
/// One keyspace opens it once. Revisions start at 1 and grow by one a commit; none is used twice, even when a commit
/// was lost before anyone saw it.
pub trait Store: Send + Sync + fmt::Debug {
    /// What it can take.
    fn limits(&self) -> Limits;

    /// Reads what it holds, and delivers every later commit to `feed`.
    fn open(&self, feed: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>>;

    /// Makes the writes of a proposal, all or none, where every guard holds.
    ///
    /// Answers after the commit is durable and was delivered. The future may be dropped; the proposal then takes
    /// effect or not, but never in part.
    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>>;

    /// Says what history may go.
    fn trim(&self, keep: RetentionFloors);

    /// Writes out what waits and lets go of what it holds. Commits after this are refused as unavailable.
    fn close(&self) -> BoxFuture<'_, ()>;
}
