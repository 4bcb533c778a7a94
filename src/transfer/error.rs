//! The errors of moving entries.

use crate::remote::AccessError;
use crate::store::StoreError;

/// Why entries could not be moved: one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The source does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The source refused, or its answer is not that of such a server.
    #[error("{0}")]
    Refused(String),
    /// The input is not a dump, or an incomplete one, or an option is invalid.
    #[error("{0}")]
    Input(String),
    /// A store cannot be read or written.
    #[error("{0}")]
    Store(String),
    /// The target already has entries.
    #[error("{0}")]
    NotEmpty(String),
}

impl From<AccessError> for Error {
    fn from(error: AccessError) -> Self {
        Self::Input(error.0)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error.0)
    }
}
