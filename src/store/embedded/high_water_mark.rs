//! The high-water mark: a small file beside the table that remembers the last revision anyone was told of.
//!
//! The table's own journal cannot tell a commit that was never finished from an acknowledged one whose bytes were lost
//! with its file. The mark can: a store that ends below it has lost something and is refused. It is written before
//! each answer and synced now and then, so after kill -9 it is exact, and after a power cut at most
//! [`SYNC_EVERY`](super::writer::SYNC_EVERY) behind.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

/// Two slots, written in turn, so that one is whole whenever the power goes. A sector each.
const SLOT: u64 = 512;

/// Revision and checksum, little-endian.
const USED: usize = 16;

/// The mark's file, open.
#[derive(Debug)]
pub(super) struct HighWaterMark {
    file: File,
    turn: bool,
    dirty: bool,
}

impl HighWaterMark {
    /// Makes the file, at this revision.
    pub(super) fn create(path: &Path, revision: u64) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let mut mark = Self {
            file,
            turn: false,
            dirty: false,
        };
        mark.write(revision)?;
        mark.write(revision)?;
        mark.sync()
    }

    /// Opens the file and reads the revision.
    pub(super) fn open(path: &Path) -> io::Result<(Self, u64)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let slots = [read_slot(&file, 0)?, read_slot(&file, SLOT)?];
        let Some(revision) = slots.into_iter().flatten().max() else {
            return Err(io::Error::other("both slots are damaged"));
        };
        let [first, _] = slots;
        // The older slot is next: the newer one stays whole meanwhile.
        let turn = first == Some(revision);
        let dirty = false;
        Ok((Self { file, turn, dirty }, revision))
    }

    /// Remembers a revision.
    pub(super) fn write(&mut self, revision: u64) -> io::Result<()> {
        let mut slot = [0; USED];
        let (number, sum) = slot.split_at_mut(8);
        number.copy_from_slice(&revision.to_le_bytes());
        sum.copy_from_slice(&xxh3_64(number).to_le_bytes());
        self.file
            .write_all_at(&slot, if self.turn { SLOT } else { 0 })?;
        self.turn = !self.turn;
        self.dirty = true;
        Ok(())
    }

    /// Makes what was remembered survive a power cut.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.dirty {
            self.file.sync_data()?;
            self.dirty = false;
        }
        Ok(())
    }

    /// The file, to find out whether its path still leads to it.
    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

fn read_slot(file: &File, offset: u64) -> io::Result<Option<u64>> {
    let mut slot = [0; USED];
    match file.read_exact_at(&mut slot, offset) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let (number, sum) = slot.split_at(8);
    let whole = sum == xxh3_64(number).to_le_bytes();
    let number = number.first_chunk().copied().map(u64::from_le_bytes);
    Ok(number.filter(|_| whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_the_newest_whole_slot() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mark");
        HighWaterMark::create(&path, 0).unwrap();
        let (mut mark, revision) = HighWaterMark::open(&path).unwrap();
        assert_eq!(revision, 0);
        for revision in 1..=5 {
            mark.write(revision).unwrap();
        }
        // The slot that was being written when the power went.
        mark.file
            .write_all_at(&[0xff], if mark.turn { SLOT } else { 0 })
            .unwrap();
        assert_eq!(HighWaterMark::open(&path).unwrap().1, 5);
        mark.file
            .write_all_at(&[0xff], if mark.turn { 0 } else { SLOT })
            .unwrap();
        let error = HighWaterMark::open(&path).unwrap_err();
        assert_eq!(error.to_string(), "both slots are damaged");
    }
}
