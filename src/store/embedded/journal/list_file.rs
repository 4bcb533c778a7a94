//! `ListFile`: the deletion list of a commit, in a file beside the journals that is durable before a journal names it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::model::LeaseId;
use crate::store::embedded::own_file::{self, FileUse};
use crate::store::embedded::record::{Seal, list_sum};

/// The bytes that are written between two syncs: the journal's own sync is not kept waiting for more.
const PIECE: usize = 512 << 10;

/// The extension of the files' names.
const EXTENSION: &str = "list";

/// A deletion list on the disk. The file is removed when this is dropped, unless a journal names it.
#[derive(Debug)]
pub(in crate::store::embedded) struct ListFile {
    path: PathBuf,
    number: u64,
    sum: u64,
    is_named: bool,
}

impl ListFile {
    /// Writes a list into a directory of journals, and syncs it.
    pub(in crate::store::embedded) fn write(
        directory: &Path,
        seal: Seal,
        list: &[u8],
    ) -> io::Result<Self> {
        // A name that nobody else has, be it one that another process left.
        let number = u64::try_from(LeaseId::random().0 >> 64).unwrap_or_default();
        let written = Self {
            path: list_path(directory, number),
            number,
            sum: list_sum(seal, list),
            is_named: false,
        };
        let file = own_file::open(&written.path, FileUse::ReadWriteOrCreate)?;
        let mut at = 0;
        for piece in list.chunks(PIECE) {
            file.write_all_at(piece, at)?;
            file.sync_data()?;
            at = at.saturating_add(u64::try_from(piece.len()).map_err(io::Error::other)?);
        }
        file.sync_all()?;
        File::open(directory)?.sync_all()?;
        Ok(written)
    }

    /// The number in its name, and the checksum of the list.
    pub(in crate::store::embedded) fn identity(&self) -> (u64, u64) {
        (self.number, self.sum)
    }

    /// The path of the file, which a journal is about to name: it is removed with that journal.
    pub(in crate::store::embedded) fn into_named(mut self) -> PathBuf {
        self.is_named = true;
        self.path.clone()
    }
}

impl Drop for ListFile {
    fn drop(&mut self) {
        if !self.is_named {
            // Otherwise the next start does it.
            let _removed = fs::remove_file(&self.path);
        }
    }
}

/// The path of a list by its number.
pub(in crate::store::embedded) fn list_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016x}.{EXTENSION}"))
}

/// Removes the lists in a directory that no journal names: their commits were never made.
pub(in crate::store::embedded) fn remove_unnamed(
    directory: &Path,
    named: &[PathBuf],
) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_list = path.extension().is_some_and(|found| found == EXTENSION);
        if is_list && !named.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
