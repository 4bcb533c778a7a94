//! `Audit`: where it is recorded who changed, saw or was refused what.
//!
//! A change is noted before the store gets it, while there is surely room for its lines, and settled when its outcome is
//! known, before it is answered. So nothing is changed that no line records.

use std::fmt;
use std::sync::Arc;

use super::denied::Denied;
use super::draft::Draft;
use super::quota::QuotaReservation;
use crate::model::{Caller, Commit, Verb, Write};
use crate::store::CommitError;

/// The record of what callers do. The guard keeps it; nothing in it waits.
pub trait Audit: Send + Sync {
    /// Notes a change that the guard admits, before the store gets it; `None` where there is nothing to record.
    ///
    /// # Errors
    ///
    /// [`Denied::Unaudited`] where its lines might not be written: it must not be made.
    fn change(
        &self,
        caller: &Caller,
        draft: &Draft<'_>,
        writes: &[Write],
    ) -> Result<Option<Box<dyn AuditedChange>>, Denied>;

    /// Whether reads are recorded, too. Where not, whoever reads need not say so.
    fn wants_reads(&self) -> bool;

    /// Records what is no change of entries.
    fn record(&self, caller: &Caller, event: &AuditEvent<'_>);

    /// Whether changes can be recorded now.
    ///
    /// # Errors
    ///
    /// [`Denied::Unaudited`] where they cannot.
    fn check(&self) -> Result<(), Denied>;
}

/// A change whose outcome is not known. Dropped before [`AuditedChange::hand_over`], it did not happen; dropped later, its
/// outcome stays unknown, and its lines say so.
pub trait AuditedChange: Send {
    /// The store gets it; `revision` where it is accepted with one.
    fn hand_over(&mut self, revision: Option<u64>);

    /// Its outcome is known.
    fn settle(self: Box<Self>, outcome: ChangeOutcome);
}

/// What became of a change that the store had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It was made, at this revision.
    Made(u64),
    /// Nothing was written.
    NotMade,
    /// Nobody knows.
    Unknown,
}

/// What is recorded of a caller besides changes.
#[derive(Clone, Copy, Debug)]
pub enum AuditEvent<'a> {
    /// It was shown something, at this revision.
    Read {
        /// How.
        verb: Verb,
        /// The key, or what the keys begin with; `None` where it is about sessions.
        key: Option<&'a [u8]>,
        /// The revision of the keyspace.
        index: u64,
    },
    /// It was refused something, or would have been.
    Refused {
        /// What it wanted to do.
        verb: Option<Verb>,
        /// The key it wanted to do it to.
        key: Option<&'a [u8]>,
        /// It wanted to do it to everything that could begin with the key.
        is_prefix: bool,
        /// The rule that says so.
        rule: Option<&'a str>,
        /// Why. Never with values or secrets.
        why: &'a str,
        /// It was done all the same: the rules only warn.
        would: bool,
    },
    /// It proved who it is.
    Login {
        /// By what. Never with a secret.
        how: &'a str,
        /// The session that it made or took up.
        session: Option<&'a str>,
    },
    /// It showed a secret that is good, for the first time on its connection.
    Secret {
        /// Of which kind.
        how: &'a str,
    },
    /// Its session has ended.
    SessionEnd {
        /// The session's name.
        session: &'a str,
        /// Why.
        why: &'a str,
    },
}

impl<'a> AuditEvent<'a> {
    /// What an access list refuses: this, of the key.
    pub fn refused_by_list(verb: Option<Verb>, key: Option<&'a [u8]>) -> Self {
        Self::Refused {
            verb,
            key,
            is_prefix: false,
            rule: None,
            why: "the access list of it, or of a node above it",
            would: false,
        }
    }
}

impl From<&Result<Arc<Commit>, CommitError>> for ChangeOutcome {
    fn from(outcome: &Result<Arc<Commit>, CommitError>) -> Self {
        match outcome {
            Ok(commit) => Self::Made(commit.revision),
            Err(CommitError::Unknown(_)) => Self::Unknown,
            Err(
                CommitError::Conflict
                | CommitError::Full(_)
                | CommitError::TooLarge(_)
                | CommitError::Unavailable(_),
            ) => Self::NotMade,
        }
    }
}

/// The reply of a decision that writes, with what is to be settled when its outcome is known.
pub(crate) struct NotedReply<R> {
    reply: R,
    change: Option<Box<dyn AuditedChange>>,
}

/// A change with what is reserved for it: both end when its outcome is known.
struct ReservedChange {
    change: Option<Box<dyn AuditedChange>>,
    _reserved: Box<dyn QuotaReservation>,
}

impl AuditedChange for ReservedChange {
    fn hand_over(&mut self, revision: Option<u64>) {
        if let Some(change) = &mut self.change {
            change.hand_over(revision);
        }
    }

    fn settle(self: Box<Self>, outcome: ChangeOutcome) {
        if let Some(change) = self.change {
            change.settle(outcome);
        }
    }
}

impl<R> NotedReply<R> {
    pub(crate) fn new(reply: R, change: Option<Box<dyn AuditedChange>>) -> Self {
        Self { reply, change }
    }

    /// Keeps what is reserved until the outcome is known, by whoever learns of it.
    pub(crate) fn keep(&mut self, reserved: Option<Box<dyn QuotaReservation>>) {
        if let Some(reserved) = reserved {
            self.change = Some(Box::new(ReservedChange {
                change: self.change.take(),
                _reserved: reserved,
            }));
        }
    }

    /// The store gets the change.
    pub(crate) fn hand_over(&mut self, revision: Option<u64>) {
        if let Some(change) = &mut self.change {
            change.hand_over(revision);
        }
    }

    /// What is to be settled, for those who learn of the outcome even if nobody waits for the reply.
    pub(crate) fn take_change(&mut self) -> Option<Box<dyn AuditedChange>> {
        self.change.take()
    }

    /// The reply, once the outcome is known.
    pub(crate) fn settle(self, outcome: &Result<Arc<Commit>, CommitError>) -> R {
        settle(self.change, outcome);
        self.reply
    }
}

impl<R: fmt::Debug> fmt::Debug for NotedReply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.reply, f)
    }
}

/// The same commit, whose outcome settles a change that was noted, even if nobody waits for the reply.
pub(crate) async fn settling(
    change: Option<Box<dyn AuditedChange>>,
    commit: impl Future<Output = Result<Arc<Commit>, CommitError>>,
) -> Result<Arc<Commit>, CommitError> {
    let outcome = commit.await;
    settle(change, &outcome);
    outcome
}

/// Settles a change that was noted.
fn settle(change: Option<Box<dyn AuditedChange>>, outcome: &Result<Arc<Commit>, CommitError>) {
    if let Some(change) = change {
        change.settle(outcome.into());
    }
}
