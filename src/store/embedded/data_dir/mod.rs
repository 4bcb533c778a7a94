//! A store's directory: how it is laid out, whose it is, and that it stays where it was.
//!
//! ```text
//! DIR/lock                 held for as long as a process uses the directory; its text is that process's id
//! DIR/store/format.json    the format of all this, the store's identity and seal
//! DIR/store/mark           the last revision anyone was told of
//! DIR/store/db/            the table of records (fjall)
//! DIR/store.new/           a first start that did not get to its end; removed by the next
//! ```
//!
//! DIR is made with mode 0700. One that was there is tightened to 0700 if it belongs to us, and refused otherwise.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::engine::{Batch, Engine, Fjall};
use super::filesystem;
use super::high_water_mark::HighWaterMark;
use super::record::{self, About};
use crate::store::StoreError;

mod checks;
mod format;
mod lock;

pub(super) use format::Format;
pub use lock::IN_USE;

/// A directory that is ours alone.
#[derive(Debug)]
pub(super) struct DataDir {
    root: PathBuf,
    lock_path: PathBuf,
    lock: lock::Lock,
}

impl DataDir {
    /// Takes a directory, making it if it is missing.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        if let Some(there) = path.ancestors().find(|ancestor| ancestor.is_dir()) {
            checks::refuse_file_system(there)?;
        }
        checks::make_directory(path).map_err(|e| failed("making", path, &e))?;
        Self::take_existing(path)
    }

    /// Takes a directory that must be there.
    pub(super) fn take_existing(path: &Path) -> Result<Self, StoreError> {
        // An absolute path, so that a later change of the working directory does not lead elsewhere.
        let root = path
            .canonicalize()
            .map_err(|e| failed("opening", path, &e))?;
        checks::refuse_file_system(&root)?;
        checks::refuse_strangers(&root)?;
        checks::tighten(&root)?;
        let lock_path = root.join("lock");
        let lock = lock::lock(&root, &lock_path)?;
        Ok(Self {
            root,
            lock_path,
            lock,
        })
    }

    /// The directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the store lies in it.
    pub(super) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Where the table of records lies.
    pub(super) fn db(&self) -> PathBuf {
        self.store().join("db")
    }

    /// Where the mark lies.
    pub(super) fn mark(&self) -> PathBuf {
        self.store().join("mark")
    }

    /// Whether a store was ever finished here.
    pub(super) fn has_store(&self) -> bool {
        self.store().exists()
    }

    /// Whether the directory's path still leads to what we hold.
    pub(super) fn still_ours(&self, mark: &HighWaterMark) -> bool {
        filesystem::leads_to(&self.lock_path, self.lock.file())
            && filesystem::leads_to(&self.mark(), mark.file())
    }

    /// Makes a store and lets `fill` write its records; `fill` gives the store's revision. The store comes into being
    /// by one rename, so that whatever breaks off leaves none.
    pub(super) fn make_store(
        &self,
        format: Format,
        fill: impl FnOnce(&mut Fjall) -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        let new = self.root.join("store.new");
        let failed = |e: io::Error| failed("making a store in", &self.root, &e);
        if new.exists() {
            fs::remove_dir_all(&new).map_err(failed)?;
        }
        DirBuilder::new().mode(0o700).create(&new).map_err(failed)?;
        let mut table = Fjall::create(&new.join("db"))?;
        let revision = fill(&mut table)?;
        drop(table);
        HighWaterMark::create(&new.join("mark"), revision).map_err(failed)?;
        format.write(&new.join("format.json")).map_err(failed)?;
        checks::sync_directory(&new).map_err(failed)?;
        fs::rename(&new, self.store()).map_err(failed)?;
        checks::sync_directory(&self.root).map_err(failed)
    }

    /// Makes a store with nothing in it.
    pub(super) fn make_empty_store(&self) -> Result<(), StoreError> {
        let format = Format::new();
        self.make_store(format, |table| {
            let about = About {
                identity: format.identity,
                ..About::default()
            };
            let put = vec![
                record::about_row(format.seal, &about).map_err(|e| StoreError(e.to_string()))?,
            ];
            let remove = Vec::new();
            table.write(Batch { put, remove }).map_err(StoreError)?;
            Ok(0)
        })
    }

    /// Removes what [`Self::make_store`] began and did not finish.
    pub(super) fn discard_unfinished(&self) {
        if let Err(e) = fs::remove_dir_all(self.root.join("store.new")) {
            tracing::warn!(directory = %self.root.display(), "removing an unfinished store: {e}");
        }
    }

    /// Reads `format.json`, and refuses what this build does not know.
    pub(super) fn read_format(&self) -> Result<Format, StoreError> {
        Format::read(&self.store().join("format.json"), &self.root)
    }
}

/// "making DIR: permission denied".
pub(super) fn failed(doing: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError(format!("{doing} {}: {error}", path.display()))
}
