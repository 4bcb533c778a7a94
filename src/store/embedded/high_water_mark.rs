//! The high-water mark: a small file beside the table that holds the last acknowledged revision.
//!
//! The journal alone does not show whether a missing commit was never finished or was acknowledged and lost. The
//! mark does: a store that ends below it has lost commits and is refused. It is written before each answer and synced
//! every second, so it is exact after kill -9, and at most
//! [`SYNC_EVERY`](super::writer::SYNC_EVERY) behind after a power cut.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::filesystem::HeldFile;
use super::own_file::{self, FileUse};

/// The offset of the second slot. Two slots, a sector each, are written in turn, so that one is whole after a power cut.
const SLOT: u64 = 512;

/// The bytes of a slot: revision and checksum, little-endian.
const SLOT_BYTES: usize = 16;

/// The open file of the mark.
#[derive(Debug)]
pub(super) struct HighWaterMark {
    file: HeldFile,
    /// Whether the second slot is written next.
    second: bool,
    /// Whether a write is not synced yet.
    dirty: bool,
}

impl HighWaterMark {
    /// Creates the file at this revision.
    pub(super) fn create(path: &Path, revision: u64) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let mut high_water_mark = Self {
            file: HeldFile::new(file)?,
            second: false,
            dirty: false,
        };
        high_water_mark.write(revision)?;
        high_water_mark.write(revision)?;
        high_water_mark.sync()
    }

    /// Opens the file and reads its revision.
    pub(super) fn open(path: &Path) -> io::Result<(Self, u64)> {
        let file = own_file::open(path, FileUse::ReadWrite)?;
        let slots = [read_slot(&file, 0)?, read_slot(&file, SLOT)?];
        let Some(revision) = slots.into_iter().flatten().max() else {
            return Err(io::Error::other("both slots are damaged"));
        };
        let [first, _] = slots;
        // The older slot is written next: the newer one stays whole meanwhile.
        let second = first == Some(revision);
        let dirty = false;
        Ok((
            Self {
                file: HeldFile::new(file)?,
                second,
                dirty,
            },
            revision,
        ))
    }

    /// Writes a revision.
    pub(super) fn write(&mut self, revision: u64) -> io::Result<()> {
        let mut slot = [0; SLOT_BYTES];
        let (number, sum) = slot.split_at_mut(8);
        number.copy_from_slice(&revision.to_le_bytes());
        sum.copy_from_slice(&xxh3_64(number).to_le_bytes());
        self.file
            .file()
            .write_all_at(&slot, if self.second { SLOT } else { 0 })?;
        self.second = !self.second;
        self.dirty = true;
        Ok(())
    }

    /// Syncs what was written.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.dirty {
            self.file.file().sync_data()?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Whether the path still leads to its file.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.file.is_at(path)
    }
}

fn read_slot(file: &File, offset: u64) -> io::Result<Option<u64>> {
    let mut slot = [0; SLOT_BYTES];
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
    fn the_newest_whole_slot_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mark");
        HighWaterMark::create(&path, 0).unwrap();
        let (mut high_water_mark, revision) = HighWaterMark::open(&path).unwrap();
        assert_eq!(revision, 0);
        for revision in 1..=5 {
            high_water_mark.write(revision).unwrap();
        }
        // The slot that was being written when the power was cut.
        high_water_mark
            .file
            .file()
            .write_all_at(&[0xff], if high_water_mark.second { SLOT } else { 0 })
            .unwrap();
        assert_eq!(HighWaterMark::open(&path).unwrap().1, 5);
        high_water_mark
            .file
            .file()
            .write_all_at(&[0xff], if high_water_mark.second { 0 } else { SLOT })
            .unwrap();
        let error = HighWaterMark::open(&path).unwrap_err();
        assert_eq!(error.to_string(), "both slots are damaged");
    }
}
