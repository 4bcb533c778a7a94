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

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::engine::{Batch, Engine, Fjall};
use super::filesystem;
use super::mark::Mark;
use super::record::{self, About, Seal};
use crate::model::LeaseId;
use crate::store::StoreError;

/// The newest layout this build reads, and the one it makes.
const LAYOUT: u64 = 1;

/// What `format.json` says.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Format {
    /// The layout; the other fields may be others in a newer one.
    kubekv_embedded_store: u64,
    /// As in [`crate::store::Opened::identity`].
    #[serde(default)]
    pub(super) identity: u64,
    /// By which the store knows its own records.
    #[serde(default)]
    pub(super) seal: Seal,
}

impl Format {
    /// That of a new store.
    pub(super) fn new() -> Self {
        // A UUID's upper half has 60 random bits.
        let random = || u64::try_from(LeaseId::random().0 >> 64).unwrap_or_default();
        Self {
            kubekv_embedded_store: LAYOUT,
            identity: random(),
            seal: Seal(random()),
        }
    }
}

/// A directory that is ours alone.
#[derive(Debug)]
pub(super) struct Place {
    root: PathBuf,
    lock_path: PathBuf,
    lock: File,
}

impl Place {
    /// Takes a directory, making it if it is missing.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        make_directory(path).map_err(|e| failed("making", path, &e))?;
        Self::take_existing(path)
    }

    /// Takes a directory that must be there.
    pub(super) fn take_existing(path: &Path) -> Result<Self, StoreError> {
        // An absolute path, so that a later change of the working directory does not lead elsewhere.
        let root = path
            .canonicalize()
            .map_err(|e| failed("opening", path, &e))?;
        let directory = File::open(&root).map_err(|e| failed("opening", path, &e))?;
        let kind = filesystem::refused(&directory).map_err(|e| failed("examining", path, &e))?;
        if let Some(kind) = kind {
            return Err(StoreError(format!(
                "{} lies on a {kind} file system, where neither locks nor fsync can be relied on; use a local disk",
                path.display()
            )));
        }
        refuse_strangers(&root)?;
        tighten(&root)?;
        let lock_path = root.join("lock");
        let lock = lock(&root, &lock_path)?;
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
    pub(super) fn still_ours(&self, mark: &Mark) -> bool {
        filesystem::leads_to(&self.lock_path, &self.lock)
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
        Mark::create(&new.join("mark"), revision).map_err(failed)?;
        write_format(&new.join("format.json"), format).map_err(failed)?;
        sync_directory(&new).map_err(failed)?;
        fs::rename(&new, self.store()).map_err(failed)?;
        sync_directory(&self.root).map_err(failed)
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
        let path = self.store().join("format.json");
        let text =
            fs::read(&path).map_err(|e| failed("the store is damaged: reading", &path, &e))?;
        let format: Format = serde_json::from_slice(&text)
            .map_err(|e| StoreError(format!("{} is damaged: {e}", path.display())))?;
        if format.kubekv_embedded_store > LAYOUT {
            return Err(StoreError(format!(
                "{} was written by a newer kubekv (format {}; this one reads up to {LAYOUT})",
                self.root.display(),
                format.kubekv_embedded_store
            )));
        }
        Ok(format)
    }
}

/// "making DIR: permission denied".
pub(super) fn failed(doing: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError(format!("{doing} {}: {error}", path.display()))
}

fn make_directory(path: &Path) -> io::Result<()> {
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

/// A directory with other things in it and no store is a mistyped path, not a place for a store.
fn refuse_strangers(root: &Path) -> Result<(), StoreError> {
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

fn tighten(root: &Path) -> Result<(), StoreError> {
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

fn lock(root: &Path, path: &Path) -> Result<File, StoreError> {
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
            return Err(StoreError(format!(
                "another kubekv is using this directory{holder}: {}",
                root.display()
            )));
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
    Ok(file)
}

fn write_format(path: &Path, format: Format) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&serde_json::to_vec(&format)?)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
