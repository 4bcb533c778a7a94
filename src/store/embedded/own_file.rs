//! Own files: the files and directories of a store, which belong to this process's user and are no links.
//!
//! Whoever can put a symbolic link into a data directory would otherwise choose what a gateway overwrites, as root where
//! it runs as root. `PostgreSQL` judges its data directory by the same rule: it belongs to the user who serves it.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::io_error::io_error;
use crate::store::StoreError;

/// The bits of a mode that let other users write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileUse {
    /// To be read.
    Read,
    /// To be read and written; it exists.
    ReadWrite,
    /// To be read and written; it is created with mode 0600 if it is missing.
    ReadWriteOrCreate,
}

impl FileUse {
    fn flags(self) -> OFlags {
        match self {
            Self::Read => OFlags::RDONLY,
            Self::ReadWrite => OFlags::RDWR,
            Self::ReadWriteOrCreate => OFlags::RDWR | OFlags::CREATE,
        }
    }
}

/// Opens a regular file of this user without following a symbolic link.
pub(super) fn open(path: &Path, file_use: FileUse) -> io::Result<File> {
    // Not blocking: a named pipe in the file's place must be refused, not waited for.
    let flags = file_use.flags() | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(descriptor) => File::from(descriptor),
        Err(Errno::LOOP) => return Err(io::Error::other(SYMBOLIC_LINK)),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other(NOT_REGULAR));
    }
    check_owner(&metadata)?;
    Ok(file)
}

/// Reads a regular file of this user without following a symbolic link.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, FileUse::Read)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a directory of this user; the path's last name must be no symbolic link.
pub(super) fn open_directory(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    check_owner(&directory.metadata()?)?;
    Ok(directory)
}

/// Checks a directory and everything beneath it, as far as it exists: nothing but directories and regular files, all of
/// this user. Files that others can write lose that permission; fjall makes them as the process's umask says.
pub(super) fn check_tree(path: &Path) -> Result<(), StoreError> {
    let mut unchecked = vec![path.to_owned()];
    while let Some(path) = unchecked.pop() {
        let refused = |e: &io::Error| io_error("using", &path, e);
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(refused(&e)),
        };
        check(&path, &metadata).map_err(|e| refused(&e))?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&path).map_err(|e| refused(&e))? {
                unchecked.push(entry.map_err(|e| refused(&e))?.path());
            }
        }
    }
    Ok(())
}

fn check(path: &Path, metadata: &Metadata) -> io::Result<()> {
    if metadata.is_symlink() {
        return Err(io::Error::other(SYMBOLIC_LINK));
    }
    if !metadata.is_dir() && !metadata.is_file() {
        return Err(io::Error::other(NOT_REGULAR));
    }
    check_owner(metadata)?;
    let mode = metadata.permissions().mode();
    if mode & WRITABLE_BY_OTHERS != 0 {
        tracing::info!(path = %path.display(), "other users could write here; now only the owner can");
        fs::set_permissions(path, Permissions::from_mode(mode & !WRITABLE_BY_OTHERS))?;
    }
    Ok(())
}

const SYMBOLIC_LINK: &str =
    "it is a symbolic link, and kubekv follows none inside its data directory";

const NOT_REGULAR: &str = "it is no regular file";

/// Refuses what belongs to another user, for root too: only its owner decides what is in it.
fn check_owner(metadata: &Metadata) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    let owner = metadata.uid();
    if owner == own {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "it belongs to user {owner}, and this process runs as user {own}: run kubekv as user {owner}, or give the whole \
         directory to user {own} (chown -R)"
    )))
}
