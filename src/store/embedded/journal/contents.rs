//! `JournalContents`: the rows of a journal whose files were found sound.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fjall::Slice;

use super::batch::{LIST, REMOVED, VALUE, batch_items};
use super::list_file::list_path;
use super::torn::{list_journals, scan_file};
use crate::store::StoreError;
use crate::store::embedded::io_error::io_error;
use crate::store::embedded::own_file::{self, FileUse};
use crate::store::embedded::record::{ListHeader, Seal};

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
    /// The files of the lists that it names.
    pub(in crate::store::embedded) lists: Vec<PathBuf>,
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
        let mut contents = JournalContents {
            number,
            path,
            whole: found.whole,
            sequence,
            rows: Vec::new(),
            lists: Vec::new(),
        };
        contents
            .read_rows(directory, seal)
            .map_err(|e| io_error("reading", &contents.path, &e))?;
        all.push(contents);
    }
    Ok(all)
}

impl JournalContents {
    fn read_rows(&mut self, directory: &Path, seal: Seal) -> io::Result<()> {
        let mut bytes = Vec::new();
        let file = own_file::open(&self.path, FileUse::Read)?;
        file.take(self.whole).read_to_end(&mut bytes)?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (items, after) = batch_items(rest)
                .ok_or_else(|| io::Error::other("a batch changed while it was read"))?;
            for (kind, key, value) in items {
                let name = Slice::from(key);
                match kind {
                    VALUE => self.rows.push((name, Some(Slice::from(value)))),
                    REMOVED => self.rows.push((name, None)),
                    LIST => self.read_list(directory, seal, (key, value))?,
                    _ => return Err(io::Error::other("an item of an unknown kind")),
                }
            }
            rest = after;
        }
        Ok(())
    }

    /// Makes the records of a commit from its list.
    fn read_list(
        &mut self,
        directory: &Path,
        seal: Seal,
        (key, value): (&[u8], &[u8]),
    ) -> io::Result<()> {
        let header = ListHeader::read(seal, key, value).map_err(io::Error::other)?;
        let path = list_path(directory, header.list);
        let rows = list_rows(seal, (key, value), &path)?;
        self.rows.extend(rows);
        self.lists.push(path);
        Ok(())
    }
}

/// The rows of the commit that a row of a journal stands for.
pub(in crate::store::embedded) fn list_rows(
    seal: Seal,
    (key, value): (&[u8], &[u8]),
    path: &Path,
) -> io::Result<impl Iterator<Item = JournalRow>> {
    let read = || {
        let list = own_file::read(path)?;
        let header = ListHeader::read(seal, key, value).map_err(io::Error::other)?;
        header.rows(seal, key, &list).map_err(io::Error::other)
    };
    let rows = read().map_err(|e| io::Error::other(format!("{}: {e}", path.display())))?;
    Ok(rows.into_iter().map(|(key, value)| (key, Some(value))))
}
