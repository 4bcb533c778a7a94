//! `TxnFailure` of one operation of a transaction. Its words are made with the answer, not where the transaction is decided: keys
//! and sessions in them are as long as the client likes.

use super::parse::TxnOp;
use crate::face::consul::commit_error::PERMISSION_DENIED;
use crate::face::go::quote;

/// The most results of a transaction that writes: they are collected while it is decided. Consul has no limit.
pub(super) const MAX_RESULTS: usize = 4_096;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TxnFailure {
    /// There is no key in it.
    MissingKey,
    /// The caller has no right to the key.
    Denied,
    /// The lock-delay of the session that held the lock is not over.
    LockDelayed,
    /// The lock is held.
    LockHeld,
    /// The session cannot lock, for this reason.
    BadSession(String),
    /// The lock is not held, or by another session.
    LockNotHeld,
    /// The entry to set is not at the index.
    StaleSet,
    /// The entry to delete is not at the index.
    StaleDelete,
    /// There is no entry to get.
    NoKey,
    /// There is an entry where none may be.
    KeyExists,
    /// There is no entry whose session could be checked.
    NoKeyOfSession,
    /// The session that holds the lock is another: this one, or none.
    OtherSession(String),
    /// There is no entry whose index could be checked.
    NoKeyOfIndex,
    /// The index is another: this one.
    OtherIndex(u64),
    /// Consul does not have the verb.
    UnknownVerb,
    /// The results of this operation and those before it are too many.
    TooManyResults,
}

impl TxnFailure {
    /// The reason for the client, in Consul's words.
    pub(super) fn words(&self, op: &TxnOp) -> String {
        let key = || quote(op.key.as_bytes());
        match self {
            Self::MissingKey => "Must provide key".to_owned(),
            Self::Denied => PERMISSION_DENIED.to_owned(),
            Self::LockDelayed => format!("failed to lock key {} due to lock delay", key()),
            Self::LockHeld => format!("failed to lock key {}, lock is already held", key()),
            Self::BadSession(why) => why.clone(),
            Self::LockNotHeld => format!(
                "failed to unlock key {}, lock isn't held, or is held by another session",
                key()
            ),
            Self::StaleSet => format!("failed to set key {}, index is stale", key()),
            Self::StaleDelete => format!("failed to delete key {}, index is stale", key()),
            Self::NoKey => format!("key {} doesn't exist", key()),
            Self::KeyExists => format!("key {} exists", key()),
            Self::NoKeyOfSession => {
                format!("failed to check session, key {} doesn't exist", key())
            }
            Self::OtherSession(holder) => format!(
                "failed session check for key {}, current session {} != {}",
                key(),
                quote(holder.as_bytes()),
                quote(op.session.as_bytes())
            ),
            Self::NoKeyOfIndex => format!("failed to check index, key {} doesn't exist", key()),
            Self::OtherIndex(index) => format!(
                "failed index check for key {}, current modify index {index} != {}",
                key(),
                op.index
            ),
            Self::UnknownVerb => format!("unknown KV verb {}", quote(op.verb.as_bytes())),
            Self::TooManyResults => {
                format!("a transaction that writes has {MAX_RESULTS} results at most")
            }
        }
    }

    /// The most bytes of its words as JSON.
    pub(super) fn max_json(op: &TxnOp) -> usize {
        // A byte is quoted by four at most, of which two are escaped again; and an angle bracket by six.
        let quoted = op.key.as_bytes().len() + op.session.len() + op.verb.len();
        quoted * 6 + 256
    }
}
