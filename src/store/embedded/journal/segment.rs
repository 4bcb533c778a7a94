//! `Segment`: a journal file, whose bytes are written once before it is used.
//!
//! A file that grows, or whose blocks were never written, makes the file system write its own journal in each sync, too:
//! 115 to 154 us instead of 70 to 73 us. So journals are files of zeros, which batches replace.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::store::embedded::own_file::{self, FileUse};

/// The bytes of a journal; then another one is begun, and this one moved to the table.
const SEGMENT_BYTES: usize = 8 << 20;

/// The bytes of a store's first journal. Many stores never fill it.
const FIRST_BYTES: usize = 1 << 20;

/// The zeros that are written at once: a page. Larger pieces become large folios of the page cache, of which Linux examines every page
/// at each sync, and counts all as written (`write_bytes` of `/proc/PID/io`).
const PIECE: usize = 4 << 10;

/// A journal that is being written.
#[derive(Debug)]
pub(in crate::store::embedded) struct Segment {
    file: File,
    path: PathBuf,
    number: u64,
    /// The end of the last batch.
    end: u64,
    /// The bytes after which it is full.
    bytes: u64,
}

impl Segment {
    /// Opens a journal whose last batch ends there.
    pub(in crate::store::embedded) fn open(path: &Path, number: u64, end: u64) -> io::Result<Self> {
        let file = own_file::open(path, FileUse::ReadWrite)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            file,
            path: path.to_owned(),
            number,
            end,
            bytes,
        })
    }

    /// Whether a batch of so many bytes fits. The first one always does.
    pub(in crate::store::embedded) fn has_room(&self, bytes: usize) -> bool {
        self.end == 0 || self.end.saturating_add(length(bytes)) <= self.bytes
    }

    /// Whether the next journal will be needed soon.
    pub(in crate::store::embedded) fn is_half_full(&self) -> bool {
        self.end > self.bytes / 2
    }

    /// Appends a batch and syncs it. After an error nobody knows what is on the disk.
    pub(in crate::store::embedded) fn append(&mut self, batch: &[u8]) -> io::Result<()> {
        self.file.write_all_at(batch, self.end)?;
        self.file.sync_data()?;
        self.end = self.end.saturating_add(length(batch.len()));
        Ok(())
    }

    /// The path of the file, which is written no more.
    pub(in crate::store::embedded) fn into_path(self) -> PathBuf {
        self.path
    }

    /// Begins the journal after this one in a file that is ready for it.
    pub(in crate::store::embedded) fn next_prepared(
        &self,
        file: File,
        prepared: &Path,
    ) -> io::Result<Self> {
        let (path, number) = self.next_name();
        fs::rename(prepared, &path)?;
        Self::begun(file, path, number)
    }

    /// Begins the journal after this one in a file that grows.
    pub(in crate::store::embedded) fn next(&self) -> io::Result<Self> {
        let (path, number) = self.next_name();
        let file = own_file::open(&path, FileUse::ReadWriteOrCreate)?;
        Self::begun(file, path, number)
    }

    /// A journal that is empty, and whose name is durable before anything is written to it.
    fn begun(file: File, path: PathBuf, number: u64) -> io::Result<Self> {
        sync_parent(&path)?;
        Ok(Self {
            file,
            path,
            number,
            end: 0,
            bytes: length(SEGMENT_BYTES),
        })
    }

    fn next_name(&self) -> (PathBuf, u64) {
        let number = self.number.saturating_add(1);
        (self.path.with_file_name(name(number)), number)
    }
}

/// Makes a directory of journals with the first one in it.
pub(in crate::store::embedded) fn begin(directory: &Path) -> io::Result<Segment> {
    if !directory.exists() {
        DirBuilder::new().mode(0o700).create(directory)?;
    }
    let path = directory.join(name(0));
    zeros(&path, FIRST_BYTES)?;
    sync_parent(&path)?;
    sync_parent(directory)?;
    Segment::open(&path, 0, 0)
}

/// Makes a file ready for a journal.
pub(in crate::store::embedded) fn prepare(path: &Path) -> io::Result<File> {
    zeros(path, SEGMENT_BYTES)
}

/// Makes a file of zeros in place of any other: no file that is in use becomes shorter.
fn zeros(path: &Path, bytes: usize) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    let file = own_file::open(path, FileUse::ReadWriteOrCreate)?;
    fill(&file, bytes).inspect_err(|_| {
        // Part of one would take the last of a full disk from the writes that are to come.
        let _removed = fs::remove_file(path);
    })?;
    Ok(file)
}

fn fill(file: &File, bytes: usize) -> io::Result<()> {
    // All or nothing, where the file system can: what does not fit is not tried.
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, length(bytes)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) | Ok(()) => {}
        Err(failed) => return Err(failed.into()),
    }
    let piece = vec![0; PIECE.min(bytes)];
    for at in (0..bytes).step_by(piece.len().max(1)) {
        file.write_all_at(&piece, length(at))?;
    }
    file.sync_all()
}

/// The file name of a journal.
fn name(number: u64) -> String {
    format!("{number}.jnl")
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn appending_changes_neither_the_length_nor_the_blocks_of_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let journals = directory.path().join("journal");
        let mut segment = begin(&journals).unwrap();
        let path = journals.join("0.jnl");
        let size = |path: &Path| {
            let metadata = fs::metadata(path).unwrap();
            (metadata.len(), metadata.blocks() * 512)
        };
        let before = size(&path);
        assert_eq!(before.0, length(FIRST_BYTES));
        assert!(before.1 >= before.0, "every block was written: {before:?}");
        for byte in 1..=9 {
            assert!(segment.has_room(1000));
            segment.append(&[byte; 1000]).unwrap();
        }
        assert_eq!(size(&path), before);
        assert!(!segment.has_room(FIRST_BYTES - 8999));
        assert!(segment.has_room(FIRST_BYTES - 9000));
        let prepared = journals.join("next");
        let file = prepare(&prepared).unwrap();
        let next = segment.next_prepared(file, &prepared).unwrap();
        assert!(!prepared.exists());
        let (length, blocks) = size(&next.into_path());
        assert!(blocks >= length && length == 8 << 20, "{blocks} {length}");
    }

    #[test]
    fn a_file_that_is_made_ready_is_never_one_that_is_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("next");
        let used = prepare(&path).unwrap();
        used.write_all_at(b"acknowledged", 0).unwrap();
        drop(prepare(&path).unwrap());
        let mut found = [0; 12];
        used.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(&found, b"acknowledged");
    }
}
