//! The lock that one process holds on a directory for life.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::failed;
use crate::store::StoreError;
use crate::store::embedded::filesystem;

/// How the error begins where another process has it.
pub const IN_USE: &str = "another kubekv is using this directory";

/// A lock, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A process that is just being started has the file open as well, until it becomes another program: closing it here
        // would not be enough. Where it fails, it is.
        let _closed = self.0.unlock();
    }
}

/// Locks the directory, and writes this process's id where others find it.
pub(super) fn lock(root: &Path, path: &Path) -> Result<Lock, StoreError> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|e| failed("opening", path, &e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // The text is a courtesy; the lock is what counts.
            let holder = match file.read_to_string(&mut pid) {
                Ok(_) if !pid.trim().is_empty() => format!(" (pid {})", pid.trim()),
                Ok(_) | Err(_) => String::new(),
            };
            return Err(StoreError(format!("{IN_USE}{holder}: {}", root.display())));
        }
        Err(TryLockError::Error(e)) => return Err(failed("locking", path, &e)),
    }
    // Between opening and locking, the file may have been replaced.
    if !filesystem::leads_to(path, &file) {
        return Err(StoreError(format!(
            "{} changed while it was being locked",
            path.display()
        )));
    }
    let write_pid = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write_pid(&mut file).map_err(|e| failed("writing", path, &e))?;
    Ok(Lock(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_though_a_process_that_is_just_being_started_has_the_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("lock");
        let held = lock(root.path(), &path).unwrap();
        let inherited = held.file().try_clone().unwrap();
        let refused = lock(root.path(), &path).unwrap_err();
        assert!(refused.to_string().contains("another kubekv"), "{refused}");
        drop(held);
        let _again = lock(root.path(), &path).unwrap();
        drop(inherited);
    }
}
