//! Looks at the files before fjall does.
//!
//! fjall begins anew where it misses some files, and cuts its journal where it cannot read on, in the middle too. So
//! what is missing or damaged is refused here first, while everything is still as it was found.

use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::place::{Place, failed};
use crate::store::StoreError;

/// What fjall 3 writes into its `version` file.
const DB_VERSION: [u8; 4] = *b"FJL\x03";

/// fjall's own table and ours, as directories under `keyspaces`.
const TABLES: [&str; 2] = ["0", "1"];

/// Refuses a store with files that are missing or do not fit together.
pub(super) fn survey(place: &Place) -> Result<(), StoreError> {
    let db = place.db();
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
    Ok(())
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
    fs::read(path).map_err(|e| failed("the store is damaged: reading", path, &e))
}

fn damaged(path: &Path) -> StoreError {
    StoreError(format!("{} is damaged", path.display()))
}
