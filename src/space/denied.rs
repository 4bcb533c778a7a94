//! Denials: why a caller may not do something.

use super::over_quota::OverQuota;
use crate::model::Key;

/// Why a caller may not do something, in words for the log. Faces answer [`Denied::Forbidden`] and [`Denied::ByList`] in their protocol's own
/// words, which show nothing of what is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The key is longer than the store takes.
    #[error("key of {len} bytes is longer than the limit of {limit} bytes")]
    KeyTooLong {
        /// Its length, in bytes.
        len: usize,
        /// The most allowed.
        limit: usize,
    },
    /// The value is longer than the store takes.
    #[error("value of {len} bytes is longer than the limit of {limit} bytes")]
    ValueTooLong {
        /// Its length, in bytes.
        len: usize,
        /// The most allowed.
        limit: usize,
    },
    /// The request changes more than one commit can hold.
    #[error("{0}")]
    TooMuch(String),
    /// The keyspace takes all the memory it may, and the change would make it grow.
    #[error(
        "the entries take {} of {} MiB of memory that they may take: delete some, or give the gateway more (--memory-limit)",
        .bytes >> 20, .limit >> 20
    )]
    KeyspaceFull {
        /// The bytes that the entries take.
        bytes: u64,
        /// The most allowed.
        limit: u64,
    },
    /// There would be more beneath a prefix than a quota of the policy allows.
    #[error(transparent)]
    OverQuota(OverQuota),
    /// The audit log cannot be written: no change is made that would be in no log.
    #[error("the audit log cannot be written (--audit): nothing is changed until it can")]
    Unaudited,
    /// The change would harm those who read what it writes; why, in words for the client as well.
    #[error("{0}")]
    Guarded(String),
    /// An access list permits it to others alone: that of this entry, or of the node above it.
    #[error("permission denied: the access list of {0} or of the node above it")]
    ByList(Key),
    /// The caller has no right to it.
    #[error("permission denied: {0}")]
    Forbidden(String),
}
