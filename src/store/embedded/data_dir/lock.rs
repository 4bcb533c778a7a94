//! The lock on a data directory, held by one process until it ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::store::StoreError;
use crate::store::embedded::filesystem::HeldFile;
use crate::store::embedded::io_error::io_error;
use crate::store::embedded::own_file::{self, FileUse};

/// The beginning of the error where another process holds the lock.
pub const IN_USE: &str = "another kubekv is using this directory";

/// A held lock, released on drop.
#[derive(Debug)]
pub(super) struct Lock(HeldFile);

impl Lock {
    /// Whether the path still leads to the file that is locked.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.0.is_at(path)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child process between fork and exec has the file open as well, so closing it here would not release the
        // lock. If unlocking fails, closing is all that is left.
        let _closed = self.0.file().unlock();
    }
}

/// Locks the directory, and writes this process's id into the lock file for error messages of others.
pub(super) fn lock(root: &Path, path: &Path) -> Result<Lock, StoreError> {
    let mut file = own_file::open(path, FileUse::ReadWriteOrCreate)
        .map_err(|e| io_error("opening", path, &e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // The id is only for the message; the lock alone decides.
            let holder = match file.read_to_string(&mut pid) {
                Ok(_) if !pid.trim().is_empty() => format!(" (pid {})", pid.trim()),
                Ok(_) | Err(_) => String::new(),
            };
            return Err(StoreError(format!("{IN_USE}{holder}: {}", root.display())));
        }
        Err(TryLockError::Error(e)) => return Err(io_error("locking", path, &e)),
    }
    // The file may have been replaced between opening and locking.
    let held = HeldFile::new(file).map_err(|e| io_error("examining", path, &e))?;
    if !held.is_at(path) {
        return Err(StoreError(format!(
            "{} changed while it was being locked",
            path.display()
        )));
    }
    let write_pid = |mut file: &File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write_pid(held.file()).map_err(|e| io_error("writing", path, &e))?;
    Ok(Lock(held))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_releases_the_lock_though_a_starting_child_has_the_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("lock");
        let held = lock(root.path(), &path).unwrap();
        let inherited = held.0.file().try_clone().unwrap();
        let refused = lock(root.path(), &path).unwrap_err();
        assert!(refused.to_string().contains("another kubekv"), "{refused}");
        drop(held);
        let _again = lock(root.path(), &path).unwrap();
        drop(inherited);
    }
}
