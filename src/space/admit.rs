//! The door the guard stands at.

use std::fmt;
use std::sync::Arc;

use super::draft::Draft;
use crate::model::{Caller, Key, Write};

/// Why a caller may not do something, in words the client is shown.
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
    /// The caller has no right to it.
    #[error("permission denied: {0}")]
    Forbidden(String),
}

/// What of the keyspace a caller can see.
#[derive(Clone)]
pub enum Visibility {
    /// All of it.
    All,
    /// The keys this says yes to.
    Only(Arc<dyn Fn(&Key) -> bool + Send + Sync>),
}

impl Visibility {
    /// Whether this key can be seen.
    pub fn sees(&self, key: &Key) -> bool {
        match self {
            Self::All => true,
            Self::Only(sees) => sees(key),
        }
    }
}

impl fmt::Debug for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "All",
            Self::Only(_) => "Only",
        })
    }
}

/// Who may see and change what. The guard implements it; the keyspace asks it inside its critical section, so that it
/// decides on the very state the writes would change.
pub trait Admit: Send + Sync {
    /// Whether the caller may make these writes. `draft` shows the state before and after them.
    fn check(&self, caller: &Caller, draft: &Draft<'_>, writes: &[Write]) -> Result<(), Denied>;

    /// What the caller can see: reads, scans and watches are filtered by it.
    fn sight(&self, caller: &Caller) -> Visibility;
}
