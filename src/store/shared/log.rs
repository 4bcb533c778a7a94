//! The shared log: the trait of a store outside this process that several gateways, and other clients, write to.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::election::leader_record::LeaderRecord;
use super::write_ids::{WriteId, WriteIds};
use crate::model::{Commit, Entry, Key, Proposal};
use crate::store::{BoxFuture, Limits};

/// A shared log, as one gateway uses it.
///
/// The leader sends each write with a write id. The watch, which has one order for all gateways, says whether a write took
/// effect. No request is ever sent twice. Revisions are those of the keyspace: the log's own plus the offset of the leader
/// record.
pub(crate) trait Log: Send + Sync + fmt::Debug + 'static {
    /// The largest keys, values and commits that it takes.
    fn limits(&self) -> Limits;

    /// As [`Store::indexes_per_state`](crate::store::Store::indexes_per_state): what the watch delivers together is shown together.
    fn indexes_per_state(&self) -> u64 {
        1
    }

    /// Counts how often the log was replaced by another one: revisions of an earlier incarnation mean nothing in this one.
    fn incarnation(&self) -> u64 {
        0
    }

    /// Lists every entry, as of one revision.
    fn load(&self) -> BoxFuture<'_, Result<LogContents, LogError>>;

    /// Watches for every change after the last list or the last event delivered.
    fn follow(&self) -> BoxFuture<'_, Result<Box<dyn LogStream>, LogError>>;

    /// Sends a write. It took effect if the watch delivers a commit with this write id.
    fn send(&self, write_id: WriteId, proposal: Proposal) -> BoxFuture<'_, Result<(), SendError>>;

    /// Whether a write that is being sent goes on its way when nobody waits for it any more: then the watch alone may answer it.
    fn sends_by_itself(&self) -> bool {
        false
    }

    /// Sends a leader record; the log takes it only if the present one is still that of revision `replaces`, or is still
    /// missing where that is `None`.
    fn send_leader(
        &self,
        record: LeaderRecord,
        replaces: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SendError>>;

    /// Whether the leader record is still that of this revision, by a linearizable read: where the record cannot be
    /// written, this says who leads. A log that always takes the record need not implement it.
    fn confirm_leader(&self, _revision: u64) -> BoxFuture<'_, Result<bool, LogError>> {
        Box::pin(async { Ok(false) })
    }

    /// Writes or removes a gateway's own record among the members. Every gateway does this, so no term fences it.
    fn announce(&self, key: Key, value: Option<Bytes>) -> BoxFuture<'_, Result<(), SendError>>;

    /// Cleans up: undoes stale writes, finishes interrupted transactions, removes deleted objects. The leader may do this
    /// at any time and must do it before it serves. An error says why this gateway must not lead.
    fn clean_up<'a>(&'a self, write_ids: &'a WriteIds) -> BoxFuture<'a, Result<(), SendError>>;

    /// Counts the entries that differ between a full list and what the watch delivered.
    fn compare(&self) -> BoxFuture<'_, Result<usize, LogError>>;

    /// Returns when there is something to clean up.
    fn cleanup_needed(&self) -> BoxFuture<'_, ()>;
}

/// An open watch of a log.
pub(crate) trait LogStream: Send {
    /// The next events, at least one. An error ends the stream. The future may be dropped and asked for again.
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<LogEvent>, LogError>>;
}

/// A full list of a log, as of one revision.
#[derive(Debug, Default)]
pub(crate) struct LogContents {
    /// The revision.
    pub(crate) revision: u64,
    /// Every entry, in any order.
    pub(crate) entries: Vec<(Key, Arc<Entry>)>,
    /// The leader record, and the revision it was written at.
    pub(crate) leader: Option<(LeaderRecord, u64)>,
    /// The highest term that a gateway has led in, as far as the list shows. Whoever may edit an entry can raise the term in
    /// its write id: so the gateways' own records decide, and write ids only where those were deleted.
    pub(crate) term: u64,
    /// The write ids found on the entries.
    pub(crate) write_ids: HashSet<WriteId>,
}

/// An event of a log's watch.
#[derive(Debug)]
pub(crate) enum LogEvent {
    /// Entries changed.
    Commit {
        /// The changes.
        commit: Arc<Commit>,
        /// The write of a gateway that this is; `None` for an external write.
        write_id: Option<WriteId>,
    },
    /// The leader record changed, or was deleted.
    Leader {
        /// The record.
        record: Option<LeaderRecord>,
        /// The revision at which it changed.
        revision: u64,
    },
    /// A write whose preconditions no longer held; it changed nothing.
    Refused(WriteId),
    /// A stale write at this revision, of a gateway whose term had ended; it changed nothing.
    Stale(u64),
    /// Nothing else happened up to this revision.
    Progress(u64),
}

/// An error of a list or a watch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogError {
    /// The log no longer has the changes since then: everything must be listed again.
    #[error("the store no longer keeps the changes since the last one read")]
    Gone,
    /// The connection ended, as it may at any time.
    #[error("the connection ended")]
    Ended,
    /// It may work later.
    #[error("{0}")]
    Unavailable(String),
    /// The log is overloaded and asks the gateway to return after this time.
    #[error("{0}")]
    Busy(String, Duration),
    /// It will not work until an operator does something about it.
    #[error("{0}")]
    Misconfigured(String),
}

/// An error of a write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    /// A precondition did not hold; nothing happened. The watch delivers the conflicting change by this revision.
    #[error("changed meanwhile")]
    Conflict(u64),
    /// A rule refused it, which will not change by itself; nothing happened.
    #[error("{0}")]
    Refused(String),
    /// It is more than the log takes at once; nothing happened.
    #[error("{0}")]
    TooLarge(String),
    /// It was not sent, or was rejected before it took effect; nothing happened.
    #[error("{0}")]
    Unavailable(String),
    /// It took effect, but the log lost its write id: this gateway must not lead.
    #[error("{0}")]
    Unattributed(String),
    /// The outcome is unknown.
    #[error("{0}")]
    Unknown(String),
}
