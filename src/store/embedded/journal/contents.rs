//! `JournalContents`: the rows of a journal whose files were found sound.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fjall::Slice;

use super::batch::{REMOVED, VALUE, batch_items};
use super::torn::{list_journals, scan_file};
use crate::store::StoreError;
use crate::store::embedded::io_error::io_error;
use crate::store::embedded::own_file::{self, FileUse};
use crate::store::embedded::record::Seal;

/// A row that was put, or removed.
pub(in crate::store::embedded) type JournalRow = (Slice, Option<Slice>);

/// What a journal holds.
#[derive(Debug)]
pub(in crate::store::embedded) struct JournalContents {
    /// Its place among the others.
    pub(in crate::store::embedded) number: u64,
    /// Its file.
    pub(in crate::store::embedded) path: PathBuf,
    /// The end of the last batch.
    pub(in crate::store::embedded) whole: u64,
    /// The number of the last batch, or that of an earlier journal.
    pub(in crate::store::embedded) sequence: Option<u64>,
    /// Its rows, in the order in which they were written.
    pub(in crate::store::embedded) rows: Vec<JournalRow>,
}

/// Reads all journals in a directory, the oldest first.
pub(in crate::store::embedded) fn read_all(
    directory: &Path,
    seal: Seal,
) -> Result<Vec<JournalContents>, StoreError> {
    let mut sequence = None;
    let mut all = Vec::new();
    for (number, path) in list_journals(directory)? {
        let (found, _length) = scan_file(&path, seal, sequence)?;
        sequence = found.sequence;
        let rows = read_rows(&path, found.whole).map_err(|e| io_error("reading", &path, &e))?;
        all.push(JournalContents {
            number,
            path,
            whole: found.whole,
            sequence,
            rows,
        });
    }
    Ok(all)
}

fn read_rows(path: &Path, whole: u64) -> io::Result<Vec<JournalRow>> {
    let mut bytes = Vec::new();
    let file = own_file::open(path, FileUse::Read)?;
    file.take(whole).read_to_end(&mut bytes)?;
    let mut rows = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (items, after) = batch_items(rest)
            .ok_or_else(|| io::Error::other("a batch changed while it was read"))?;
        for (kind, key, value) in items {
            match kind {
                VALUE => rows.push((Slice::from(key), Some(Slice::from(value)))),
                REMOVED => rows.push((Slice::from(key), None)),
                _ => return Err(io::Error::other("an item of an unknown kind")),
            }
        }
        rest = after;
    }
    Ok(rows)
}
