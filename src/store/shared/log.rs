//! What several gateways write to: a log that is kept elsewhere, and that others may write to as well.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::election::leader_record::LeaderRecord;
use super::write_ids::{WriteId, WriteIds};
use crate::model::{Commit, Entry, Key, Proposal};
use crate::store::{BoxFuture, Limits};

/// A log kept elsewhere, as a gateway uses it.
///
/// Whoever leads sends writes with write ids; whether they took effect, the changes tell, in one order for all. Nothing is
/// ever sent twice. Revisions are those of the keyspace: the log's own and the offset of the lead's record.
pub(crate) trait Log: Send + Sync + fmt::Debug + 'static {
    /// What it can take.
    fn limits(&self) -> Limits;

    /// Counts how often the log turned out to be another one since: its revisions are none of those before.
    fn incarnation(&self) -> u64 {
        0
    }

    /// Everything there is, as of one revision.
    fn load(&self) -> BoxFuture<'_, Result<LogContents, LogError>>;

    /// Every change after what was loaded or told last.
    fn follow(&self) -> BoxFuture<'_, Result<Box<dyn LogStream>, LogError>>;

    /// Sends a write. It took effect if a commit with this write id is told.
    fn send(&self, write_id: WriteId, proposal: Proposal) -> BoxFuture<'_, Result<(), SendError>>;

    /// Sends the lead's record, if that is still as it was told at a revision, or still missing.
    fn send_lead(
        &self,
        record: LeaderRecord,
        told: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SendError>>;

    /// Whether the lead's record is still the one that was told at a revision, as a read says that nothing newer can hide
    /// from: where it cannot be written, this is who leads. A log that always takes the record needs not know.
    fn confirm(&self, _told: u64) -> BoxFuture<'_, Result<bool, LogError>> {
        Box::pin(async { Ok(false) })
    }

    /// Writes or removes a record that every gateway keeps of itself, whoever leads: no term decides about it.
    fn announce(&self, key: Key, value: Option<Bytes>) -> BoxFuture<'_, Result<(), SendError>>;

    /// Clears up, as the leader may from time to time and must before it serves: undoes what is void, finishes what
    /// was begun, removes what is deleted. An error says why this gateway must not lead.
    fn settle<'a>(&'a self, write_ids: &'a WriteIds) -> BoxFuture<'a, Result<(), SendError>>;

    /// How many entries are not as what was told says, by a list of all there is.
    fn compare(&self) -> BoxFuture<'_, Result<usize, LogError>>;

    /// Returns when there is something to clear up.
    fn unsettled(&self) -> BoxFuture<'_, ()>;
}

/// Changes as they come.
pub(crate) trait LogStream: Send {
    /// What has happened since, at least one thing. An error ends it. May be dropped and called again.
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<LogEvent>, LogError>>;
}

/// All there is, as of one revision.
#[derive(Debug, Default)]
pub(crate) struct LogContents {
    /// The revision.
    pub(crate) revision: u64,
    /// Every entry, in any order.
    pub(crate) entries: Vec<(Key, Arc<Entry>)>,
    /// The lead's record, and the revision it was written at.
    pub(crate) lead: Option<(LeaderRecord, u64)>,
    /// The write ids that were found on what there is.
    pub(crate) write_ids: HashSet<WriteId>,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum LogEvent {
    /// Entries changed.
    Commit {
        /// How.
        commit: Arc<Commit>,
        /// Which gateway's write it was; none where somebody else wrote.
        write_id: Option<WriteId>,
    },
    /// The lead's record changed, or is gone.
    Leader {
        /// The record.
        record: Option<LeaderRecord>,
        /// When.
        revision: u64,
    },
    /// A write came too late for its guards; it changed nothing.
    Refused(WriteId),
    /// A gateway that did not lead any more wrote at this revision; it changed nothing.
    Stale(u64),
    /// Nothing else happened up to this revision.
    Progress(u64),
}

/// Why a log cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogError {
    /// What happened since is not known there any more: it must be loaded anew.
    #[error("what happened since is forgotten there")]
    Gone,
    /// The connection ended as it may at any time.
    #[error("the connection ended")]
    Ended,
    /// It may work later.
    #[error("{0}")]
    Unavailable(String),
    /// It has too much to do: it asks to come again after so long.
    #[error("{0}")]
    Busy(String, Duration),
    /// It will not work until somebody does something about it.
    #[error("{0}")]
    Misconfigured(String),
}

/// What became of a write that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    /// A guard did not hold; nothing happened. What says so is told by this revision.
    #[error("changed meanwhile")]
    Conflict(u64),
    /// It was refused by a rule that will not change by itself; nothing happened.
    #[error("{0}")]
    Refused(String),
    /// It is more than the log takes at once; nothing happened.
    #[error("{0}")]
    TooLarge(String),
    /// It did not leave, or was turned away; nothing happened.
    #[error("{0}")]
    Unavailable(String),
    /// It took effect, but the log does not tell whose it is: this gateway must not lead.
    #[error("{0}")]
    Nameless(String),
    /// Nobody knows yet.
    #[error("{0}")]
    Unknown(String),
}
