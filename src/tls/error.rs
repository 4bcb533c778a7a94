//! Error of TLS files that cannot be used.

use std::fmt::Display;
use std::path::Path;

/// One line that names the file and why it cannot be used. It repeats nothing of what the file holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl TlsError {
    /// What is wrong with a file.
    pub(super) fn of_file(path: &Path, why: &dyn Display) -> Self {
        Self(format!("{}: {why}", path.display()))
    }
}
