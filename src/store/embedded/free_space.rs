//! Whether there is room on the disk to write: asked before the table is touched, because a write that fails half-way
//! ends the process, while one that is refused beforehand harms nobody.

use std::io;
use std::path::{Path, PathBuf};

use super::filesystem;

/// Free bytes kept back unless told otherwise: room for a journal file (64 MiB), for what is in memory to be written
/// to table files, and to spare. What one compaction may write anew is kept back on top.
pub const DEFAULT_RESERVE_BYTES: u64 = 128 << 20;

/// The room on one disk.
#[derive(Debug)]
pub(super) struct FreeSpace {
    path: PathBuf,
    reserve: u64,
    full: bool,
}

impl FreeSpace {
    /// Watches over the disk that `path` lies on.
    pub(super) fn new(path: &Path, reserve: u64) -> Self {
        Self {
            path: path.to_owned(),
            reserve,
            full: false,
        }
    }

    /// Says why `bytes` may not be written now, or nothing if they may. They are written twice: to the journal, later to
    /// a table file. `compaction` is what a compaction could need.
    pub(super) fn refuse(&mut self, bytes: u64, compaction: u64) -> io::Result<Option<String>> {
        let free = filesystem::free_bytes(&self.path)?;
        let needed = self
            .reserve
            .saturating_add(compaction)
            .saturating_add(bytes.saturating_mul(2));
        let full = free < needed;
        if full != self.full {
            self.full = full;
            let path = self.path.display();
            if full {
                tracing::error!(directory = %path, free, needed, "the disk is full: writes are refused, reads go on");
            } else {
                tracing::info!(directory = %path, free, needed, "there is room on the disk again: writes go on");
            }
        }
        Ok(full.then(|| {
            format!(
                "{} has {} MiB free, and {} MiB are kept back",
                self.path.display(),
                free >> 20,
                needed >> 20
            )
        }))
    }
}
