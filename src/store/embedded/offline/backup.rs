//! `kubekv backup`: a verified copy of a store.

use std::path::Path;

use super::report::StoreReport;
use super::{lock_store, recover_unwinding};
use crate::store::StoreError;
use crate::store::embedded::data_dir::{DataDir, Format};
use crate::store::embedded::directory_checkpoint::DirectoryCheckpointFile;
use crate::store::embedded::engine::{Engine, RecordTable};
use crate::store::embedded::io_error::io_error;
use crate::store::embedded::record::{METADATA_KEY, Metadata, TableRow, metadata_row};
use crate::store::embedded::write_batch::WriteBatch;

/// The most rows in one write of the copy.
const BATCH_ROWS: usize = 4096;

/// The bytes after which a write of the copy takes no more rows.
const BATCH_BYTES: usize = 8 << 20;

/// Copies a store record by record, verifying each, into a directory that is missing or empty.
///
/// The copy is an independent store: it has the same entries, history and revision, but an identity of its own, because
/// from here on the two stores receive different writes.
///
/// # Errors
///
/// One line: as for [`check`](fn@super::check), or damage in the store, or a failed write of the copy, of which nothing is
/// left then. A store in use is refused; `kubekv export` copies the entries of a running gateway.
pub fn backup(path: &Path, destination: &Path) -> Result<StoreReport, StoreError> {
    let store = recover_unwinding(lock_store(path)?)?.require_sound()?;
    let copy = DataDir::lock(destination)?;
    if copy.has_store() {
        return Err(StoreError(format!(
            "{} holds a store already",
            destination.display()
        )));
    }
    // The records are copied byte by byte, so the copy needs their seal.
    let mut format = Format::new();
    format.seal = store.seal;
    let identity = format.identity;
    let created = copy.create_store(format, |table| {
        copy_rows(&store.table, table)?;
        let contents = &store.loaded.contents;
        let metadata = Metadata {
            identity,
            ..store.loaded.metadata()
        };
        let directories = contents.directories.as_ref();
        if let Some(checkpoint) = directories.filter(|checkpoint| checkpoint.revision > 0) {
            let path = copy.unfinished_directories();
            DirectoryCheckpointFile::create(&path, format.seal, checkpoint)
                .map_err(|e| io_error("writing", &path, &e))?;
        }
        let row = metadata_row(format.seal, &metadata).map_err(|e| StoreError(e.to_string()))?;
        write(table, vec![row])?;
        Ok(contents.revision)
    });
    if let Err(e) = created {
        copy.discard_unfinished();
        return Err(e);
    }
    let mut report = StoreReport::new(&store);
    report.identity = identity;
    Ok(report)
}

/// Copies all rows but the metadata.
fn copy_rows(from: &RecordTable, to: &mut RecordTable) -> Result<(), StoreError> {
    let mut rows: Vec<TableRow> = Vec::new();
    let mut bytes = 0;
    let mut failed = Ok(());
    from.scan(|key, value| {
        if failed.is_err() || key == METADATA_KEY {
            return;
        }
        bytes += value.len();
        rows.push((key.into(), value.into()));
        if rows.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
            bytes = 0;
            failed = write(to, std::mem::take(&mut rows));
        }
    })?;
    failed?;
    write(to, rows)
}

fn write(table: &mut RecordTable, put: Vec<TableRow>) -> Result<(), StoreError> {
    let remove = Vec::new();
    table
        .write(WriteBatch {
            put,
            remove,
            list: None,
        })
        .map_err(StoreError)
}
