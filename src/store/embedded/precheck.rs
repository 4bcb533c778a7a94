//! Precheck: a store's files examined before fjall opens them.
//!
//! fjall starts empty where some of its files are missing, and cuts its journal at the first byte it cannot read, in the
//! middle too. So missing or damaged files are refused here first, while everything is still as it was found.

use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::data_dir::{DataDir, Format};
use super::io_error::io_error;
use super::journal::{self, TornJournal};
use super::own_file;
use crate::store::StoreError;

/// The contents of fjall 3's `version` file.
const DB_VERSION: [u8; 4] = *b"FJL\x03";

/// fjall's own table and ours, as directories under `keyspaces`.
const TABLES: [&str; 2] = ["0", "1"];

/// Refuses a store whose files are missing or do not fit together, and one whose journals end before the last
/// `acknowledged` revision. Returns the torn journal that a start may cut. Changes nothing.
pub(super) fn precheck(
    data_dir: &DataDir,
    format: Format,
    acknowledged: u64,
) -> Result<Option<TornJournal>, StoreError> {
    let db = data_dir.db();
    let version = db.join("version");
    let found = read(&version)?;
    if found != DB_VERSION {
        return Err(StoreError(format!(
            "{} is damaged, or was written by a newer kubekv",
            version.display()
        )));
    }
    for table in TABLES {
        check_manifest(&db.join("keyspaces").join(table))?;
    }
    let seal = format.seal;
    if !format.has_journals() {
        return journal::check(&db, seal, acknowledged);
    }
    // fjall's own journals are empty: what is in them is none of ours, but they must be there.
    if journal::check(&db, seal, acknowledged)?.is_some() {
        return Err(damaged(&db));
    }
    journal::check(&data_dir.journals(), seal, acknowledged)
}

/// The file `current` names the list of table files and its checksum, which fjall does not compare.
fn check_manifest(table: &Path) -> Result<(), StoreError> {
    let path = table.join("current");
    let current = read(&path)?;
    let parts = current
        .split_first_chunk::<8>()
        .and_then(|(number, rest)| Some((number, rest.first_chunk::<16>()?)));
    let Some((number, sum)) = parts else {
        return Err(damaged(&path));
    };
    let listed = table.join(format!("v{}", u64::from_le_bytes(*number)));
    if xxh3_128(&read(&listed)?) != u128::from_le_bytes(*sum) {
        return Err(damaged(&listed));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    own_file::read(path).map_err(|e| io_error("the store is damaged: reading", path, &e))
}

fn damaged(path: &Path) -> StoreError {
    StoreError(format!("{} is damaged", path.display()))
}
