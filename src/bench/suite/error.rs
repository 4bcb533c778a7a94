//! The errors of a report's measurements.

use crate::bench::field::FieldError;
use crate::bench::measure::NoProcess;

/// Why a cell has no figure, or the report cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A server or a command failed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A server has ended.
    #[error("a process of the server has ended ({0})")]
    Ended(#[from] NoProcess),
    /// A load failed.
    #[error("{0}")]
    Load(String),
    /// The record cannot be written.
    #[error("cannot write the record: {0}")]
    Save(std::io::Error),
}
