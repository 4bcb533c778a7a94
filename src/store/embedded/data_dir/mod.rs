//! The data directory: its layout, its lock, and the check that its path still leads to it.
//!
//! ```text
//! DIR/lock                 locked while a process uses the directory; its text is that process's id
//! DIR/store/format.json    the format of all this, the store's identity and seal
//! DIR/store/mark           the high-water mark: the last acknowledged revision
//! DIR/store/directories    the last checkpoint of directories; missing until there is one
//! DIR/store/journal/       the last records, in files that are synced
//! DIR/store/db/            the table of records (fjall)
//! DIR/store.new/           left by a first start that was interrupted; removed by the next one
//! ```
//!
//! DIR is created with mode 0700. An existing one, and everything of the store in it, must belong to this user, root or
//! not; its mode is set to 0700. No symbolic link is followed in it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::engine::{Engine, RecordTable};
use super::filesystem::HeldFile;
use super::high_water_mark::HighWaterMark;
use super::io_error::io_error;
use super::record::{self, Metadata};
use super::write_batch::WriteBatch;
use crate::store::StoreError;

mod checks;
mod format;
mod lock;

pub(super) use format::Format;
pub use lock::IN_USE;

/// A data directory, locked by this process.
#[derive(Debug)]
pub(super) struct DataDir {
    root: PathBuf,
    /// The directory that was checked; the path may lead to another one later.
    directory: HeldFile,
    lock_path: PathBuf,
    high_water_mark: PathBuf,
    lock: lock::Lock,
}

impl DataDir {
    /// Locks a directory, creating it if it is missing.
    pub(super) fn lock(path: &Path) -> Result<Self, StoreError> {
        if let Some(there) = path.ancestors().find(|ancestor| ancestor.is_dir()) {
            checks::refuse_file_system(there)?;
        }
        checks::create_directory(path).map_err(|e| io_error("making", path, &e))?;
        Self::lock_existing(path)
    }

    /// Locks a directory that must exist.
    pub(super) fn lock_existing(path: &Path) -> Result<Self, StoreError> {
        // An absolute path: the working directory may change later.
        let root = path
            .canonicalize()
            .map_err(|e| io_error("opening", path, &e))?;
        checks::refuse_file_system(&root)?;
        checks::refuse_foreign_files(&root)?;
        let directory = HeldFile::new(checks::open_own(&root)?)
            .map_err(|e| io_error("examining", &root, &e))?;
        checks::warn_of_open_parents(&root);
        let lock_path = root.join("lock");
        let lock = lock::lock(&root, &lock_path)?;
        checks::refuse_files_of_others(&root)?;
        Ok(Self {
            high_water_mark: root.join("store").join("mark"),
            root,
            directory,
            lock_path,
            lock,
        })
    }

    /// The directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The store's directory.
    pub(super) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// fjall's directory, with the table of records.
    pub(super) fn db(&self) -> PathBuf {
        self.store().join("db")
    }

    /// The directory of the journals.
    pub(super) fn journals(&self) -> PathBuf {
        self.store().join("journal")
    }

    /// The path of the high-water mark.
    pub(super) fn high_water_mark(&self) -> &Path {
        &self.high_water_mark
    }

    /// The path of the checkpoint of directories.
    pub(super) fn directories(&self) -> PathBuf {
        self.store().join("directories")
    }

    /// Whether the directory holds a store; one whose creation was interrupted does not count.
    pub(super) fn has_store(&self) -> bool {
        self.store().exists()
    }

    /// Whether the directory's path still leads to the files that this process has open.
    pub(super) fn is_still_in_place(&self, high_water_mark: &HighWaterMark) -> bool {
        self.directory.is_at(&self.root)
            && self.lock.is_at(&self.lock_path)
            && high_water_mark.is_at(&self.high_water_mark)
    }

    /// Creates a store and lets `fill` write its records; `fill` returns the store's revision. The last step is one rename,
    /// so that an interrupted creation leaves no store.
    pub(super) fn create_store(
        &self,
        format: Format,
        fill: impl FnOnce(&mut RecordTable) -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        let new = self.unfinished();
        let failed = |e: io::Error| io_error("making a store in", &self.root, &e);
        if new.exists() {
            fs::remove_dir_all(&new).map_err(failed)?;
        }
        DirBuilder::new().mode(0o700).create(&new).map_err(failed)?;
        let mut table = RecordTable::create(&new.join("db"), &new.join("journal"))?;
        let revision = fill(&mut table)?;
        drop(table);
        HighWaterMark::create(&new.join("mark"), revision).map_err(failed)?;
        format.write(&new.join("format.json")).map_err(failed)?;
        checks::sync_directory(&new).map_err(failed)?;
        fs::rename(&new, self.store()).map_err(failed)?;
        checks::sync_directory(&self.root).map_err(failed)
    }

    /// Where a store is created before it is put in its place.
    fn unfinished(&self) -> PathBuf {
        self.root.join("store.new")
    }

    /// The path of the checkpoint of directories in a store that is being created.
    pub(super) fn unfinished_directories(&self) -> PathBuf {
        self.unfinished().join("directories")
    }

    /// Creates a store without entries.
    pub(super) fn create_empty_store(&self) -> Result<(), StoreError> {
        let format = Format::new();
        self.create_store(format, |table| {
            let metadata = Metadata {
                identity: format.identity,
                ..Metadata::default()
            };
            let put = vec![
                record::metadata_row(format.seal, &metadata)
                    .map_err(|e| StoreError(e.to_string()))?,
            ];
            let remove = Vec::new();
            table
                .write(WriteBatch {
                    put,
                    remove,
                    list: None,
                })
                .map_err(StoreError)?;
            Ok(0)
        })
    }

    /// Removes the remains of an interrupted [`Self::create_store`].
    pub(super) fn discard_unfinished(&self) {
        if let Err(e) = fs::remove_dir_all(self.unfinished()) {
            tracing::warn!(directory = %self.root.display(), "cannot remove an unfinished store; the next start removes it: {e}");
        }
    }

    /// Reads `format.json`, and refuses a format that this build does not support.
    pub(super) fn read_format(&self) -> Result<Format, StoreError> {
        Format::read(&self.store().join("format.json"), &self.root)
    }

    /// Writes down that the store has this build's layout from now on.
    pub(super) fn upgrade_format(&self, format: Format) -> Result<(), StoreError> {
        let path = self.store().join("format.json");
        let new = path.with_extension("new");
        let write = || {
            if new.exists() {
                fs::remove_file(&new)?;
            }
            format.upgraded().write(&new)?;
            fs::rename(&new, &path)?;
            checks::sync_directory(&self.store())
        };
        write().map_err(|e: io::Error| io_error("writing", &path, &e))
    }
}
