//! Free space on the store's disk. It is checked before each write: a write that fails half-way ends the process, while
//! one that is refused beforehand leaves reads working.

use std::io;
use std::path::{Path, PathBuf};

use super::filesystem;

/// The default reserve of free bytes: enough for a journal file (64 MiB), for writing the memtables to table files, and
/// some to spare. The bytes that one compaction may rewrite are reserved on top.
pub const DEFAULT_RESERVE_BYTES: u64 = 128 << 20;

/// The free space of one disk, and whether it last was too little.
#[derive(Debug)]
pub(super) struct FreeSpace {
    path: PathBuf,
    reserve: u64,
    full: bool,
}

impl FreeSpace {
    /// Checks the disk that `path` lies on.
    pub(super) fn new(path: &Path, reserve: u64) -> Self {
        Self {
            path: path.to_owned(),
            reserve,
            full: false,
        }
    }

    /// Why there is too little space to write `bytes` now; `None` if there is enough. Bytes are written twice: to the
    /// journal, later to a table file. `compaction` is the most bytes that a compaction could rewrite.
    pub(super) fn shortage(&mut self, bytes: u64, compaction: u64) -> io::Result<Option<String>> {
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
                tracing::error!(directory = %path, free, needed, "too little free space: writes are refused, reads go on; free space on this disk");
            } else {
                tracing::info!(directory = %path, free, needed, "enough free space again: writes are accepted");
            }
        }
        Ok(full.then(|| {
            format!(
                "{} has {} MiB free and needs {} MiB",
                self.path.display(),
                free >> 20,
                needed >> 20
            )
        }))
    }
}
