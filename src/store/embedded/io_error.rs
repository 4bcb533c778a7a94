//! The error of a failed file operation.

use std::io;
use std::path::Path;

use crate::store::StoreError;

/// "making DIR: permission denied".
pub(super) fn io_error(doing: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError(format!("{doing} {}: {error}", path.display()))
}
