//! Checks of a data directory before it is used: its file system, foreign files in it, and its permissions.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use crate::store::StoreError;
use crate::store::embedded::filesystem;
use crate::store::embedded::io_error::io_error;

/// Creates a directory with mode 0700, and its parents, where they are missing.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
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

/// Sets the mode of a directory that other users can open to 0700.
pub(super) fn restrict_to_owner(root: &Path) -> Result<(), StoreError> {
    let metadata = root
        .metadata()
        .map_err(|e| io_error("examining", root, &e))?;
    if metadata.permissions().mode().trailing_zeros() >= 6 {
        return Ok(());
    }
    let is_own = metadata.uid() == rustix::process::geteuid().as_raw();
    if !is_own {
        return Err(StoreError(format!(
            "{} is open to other users and does not belong to this one; it must have mode 0700",
            root.display()
        )));
    }
    fs::set_permissions(root, Permissions::from_mode(0o700))
        .map_err(|e| io_error("closing to other users", root, &e))?;
    tracing::warn!(directory = %root.display(), "the data directory was open to other users; its mode is now 0700");
    Ok(())
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
