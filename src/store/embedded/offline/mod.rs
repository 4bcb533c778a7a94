//! Operations on a data directory while no gateway uses it: `kubekv check`, `kubekv backup` and reading for an import.

use std::panic::catch_unwind;
use std::path::Path;

use super::data_dir::DataDir;
use super::io_error::io_error;
use super::recovery::{RecoveredStore, recover};
use crate::store::{StoreContents, StoreError};

mod backup;
mod check;
mod report;

pub use backup::backup;
pub use check::check;
pub use report::StoreReport;

/// Reads a store that no process is using, verifying every record.
///
/// # Errors
///
/// One line: as for [`check`], or damage in the store.
pub fn entries(path: &Path) -> Result<StoreContents, StoreError> {
    let store = recover_unwinding(lock_store(path)?)?.require_sound()?;
    Ok(store.loaded.contents)
}

/// Locks the directory of an existing store.
fn lock_store(path: &Path) -> Result<DataDir, StoreError> {
    // Checked before anything is created: a mistyped path stays as it is.
    let store = path.join("store");
    let exists = store
        .try_exists()
        .map_err(|e| io_error("opening", &store, &e))?;
    if !exists {
        return Err(StoreError(format!(
            "{} holds no kubekv store",
            path.display()
        )));
    }
    DataDir::lock_existing(path)
}

/// Recovers a store; fjall panics on some damaged files.
fn recover_unwinding(data_dir: DataDir) -> Result<RecoveredStore, StoreError> {
    let path = data_dir.root().display().to_string();
    catch_unwind(|| recover(data_dir)).unwrap_or_else(|_| {
        Err(StoreError(format!(
            "{path} is damaged: its files could not be read"
        )))
    })
}
