//! Errors of libkv that its callers act on.

use crate::bench::client::Failure;

/// Why an operation on the store did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The key does not exist.
    #[error("key not found in store")]
    NotFound,
    /// The key has changed.
    #[error("unable to complete atomic operation, key modified")]
    Modified,
    /// The key exists.
    #[error("previous K/V pair exists, cannot complete atomic operation")]
    Exists,
    /// The request failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl KvError {
    /// Whether another client's write was first.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Modified | Self::Exists => true,
            Self::NotFound | Self::Failed(_) => false,
        }
    }
}
