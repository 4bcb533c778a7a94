//! What must be true of a directory before a store lies in it.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::failed;
use crate::store::StoreError;
use crate::store::embedded::filesystem;

pub(super) fn make_directory(path: &Path) -> io::Result<()> {
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

pub(super) fn refuse_file_system(path: &Path) -> Result<(), StoreError> {
    match filesystem::refused(path).map_err(|e| failed("examining", path, &e))? {
        None => Ok(()),
        Some(kind) => Err(StoreError(format!(
            "{} lies on a {kind} file system, where neither locks nor fsync can be relied on; use a local disk",
            path.display()
        ))),
    }
}

/// A directory with other things in it and no store is a mistyped path, not a place for a store.
pub(super) fn refuse_strangers(root: &Path) -> Result<(), StoreError> {
    let listed = fs::read_dir(root).map_err(|e| failed("reading", root, &e))?;
    let mut stranger = None;
    for entry in listed {
        let name = entry.map_err(|e| failed("reading", root, &e))?.file_name();
        match name.to_str() {
            Some("store") => return Ok(()),
            Some("lock" | "store.new" | "lost+found") => {}
            Some(_) | None => stranger = Some(name),
        }
    }
    match stranger {
        Some(name) => Err(StoreError(format!(
            "{} holds no kubekv store, but other things ({}); use an empty directory",
            root.display(),
            name.display()
        ))),
        None => Ok(()),
    }
}

pub(super) fn tighten(root: &Path) -> Result<(), StoreError> {
    let metadata = root.metadata().map_err(|e| failed("examining", root, &e))?;
    if metadata.permissions().mode().trailing_zeros() >= 6 {
        return Ok(());
    }
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !ours {
        return Err(StoreError(format!(
            "{} is open to other users and does not belong to this one; it must have mode 0700",
            root.display()
        )));
    }
    fs::set_permissions(root, Permissions::from_mode(0o700))
        .map_err(|e| failed("closing to other users", root, &e))?;
    tracing::warn!(directory = %root.display(), "the store's directory was open to other users; its mode is 0700 now");
    Ok(())
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
