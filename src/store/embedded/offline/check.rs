//! `kubekv check`: every record of a store verified.

use std::path::Path;

use super::report::StoreReport;
use super::{lock_store, recover_unwinding};
use crate::store::StoreError;

/// Reads and verifies every record of a store.
///
/// Each record must be whole, commits must follow one another without a gap, each change must have replaced exactly the
/// revision it names, and the entries must be those that the last commit left.
///
/// Nothing is changed except what any start changes: an unfinished commit is cut off.
///
/// # Errors
///
/// One line where nothing can be checked: the directory is missing, holds no store or one of a newer format, or another
/// process is using it. Damage is not an error; the report lists it.
pub fn check(path: &Path) -> Result<StoreReport, StoreError> {
    let data_dir = lock_store(path)?;
    data_dir.read_format()?;
    Ok(match recover_unwinding(data_dir) {
        Ok(store) => StoreReport::new(&store),
        Err(StoreError(line)) => StoreReport {
            problems: vec![line],
            ..StoreReport::default()
        },
    })
}
