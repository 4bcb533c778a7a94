//! Checks of a data directory before it is used: its file system, its owner, its permissions, and what is in it.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use crate::store::StoreError;
use crate::store::embedded::filesystem;
use crate::store::embedded::io_error::io_error;
use crate::store::embedded::own_file;

/// Creates a directory with mode 0700, and its parents, where they are missing.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        // Not for everybody to write, whatever the umask.
        let mut parents = DirBuilder::new();
        parents.recursive(true).mode(0o755).create(parent)?;
    }
    DirBuilder::new().mode(0o700).create(path)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        Some(_) | None => Ok(()),
    }
}

/// Refuses network and FUSE file systems.
pub(super) fn refuse_file_system(path: &Path) -> Result<(), StoreError> {
    match filesystem::refused(path).map_err(|e| io_error("examining", path, &e))? {
        None => Ok(()),
        Some(kind) => Err(StoreError(format!(
            "{} lies on a {kind} file system, where neither locks nor fsync can be relied on; use a local disk",
            path.display()
        ))),
    }
}

/// Refuses a directory that holds other files and no store: its path was probably mistyped.
pub(super) fn refuse_foreign_files(root: &Path) -> Result<(), StoreError> {
    let listed = fs::read_dir(root).map_err(|e| io_error("reading", root, &e))?;
    let mut foreign = None;
    for entry in listed {
        let name = entry
            .map_err(|e| io_error("reading", root, &e))?
            .file_name();
        match name.to_str() {
            Some("store") => return Ok(()),
            Some("lock" | "store.new" | "lost+found") => {}
            Some(_) | None => foreign = Some(name),
        }
    }
    match foreign {
        Some(name) => Err(StoreError(format!(
            "{} holds no kubekv store, but other things ({}); use an empty directory",
            root.display(),
            name.display()
        ))),
        None => Ok(()),
    }
}

/// Opens a directory, which must belong to this user, and sets its mode to 0700 if other users can open it.
pub(super) fn open_own(root: &Path) -> Result<File, StoreError> {
    let directory = own_file::open_directory(root).map_err(|e| io_error("using", root, &e))?;
    let metadata = directory
        .metadata()
        .map_err(|e| io_error("examining", root, &e))?;
    if metadata.permissions().mode().trailing_zeros() >= 6 {
        return Ok(directory);
    }
    directory
        .set_permissions(Permissions::from_mode(0o700))
        .map_err(|e| io_error("closing to other users", root, &e))?;
    tracing::warn!(directory = %root.display(), "the data directory was open to other users; its mode is now 0700");
    Ok(directory)
}

/// Refuses what others may have put in place of a store's files. The caller holds the lock, so that no file comes or goes
/// meanwhile; with the directory closed to others, what is found stays so.
pub(super) fn refuse_files_of_others(root: &Path) -> Result<(), StoreError> {
    for name in ["store", "store.new"] {
        own_file::check_tree(&root.join(name))?;
    }
    Ok(())
}

/// Warns of a parent in which others can rename the directory. As `PostgreSQL`, this refuses none: what others put in the
/// directory's place is theirs, and refused; but they can put an older copy of the same user's in its place.
pub(super) fn warn_of_open_parents(root: &Path) {
    let is_open = |parent: &&Path| {
        // Of everybody, and not sticky.
        let metadata = parent.metadata();
        metadata.is_ok_and(|metadata| metadata.mode() & 0o1002 == 0o002)
    };
    if let Some(parent) = root.ancestors().skip(1).find(is_open) {
        tracing::warn!(
            directory = %root.display(),
            parent = %parent.display(),
            "every user can rename what is in this parent of the data directory: they can move the store away, or put an \
             older copy of it in its place; close the parent to others (chmod o-w) or make it sticky"
        );
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
