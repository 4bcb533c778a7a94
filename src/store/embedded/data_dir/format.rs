//! `format.json`: the layout, identity and seal of a store, read before any other file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::LeaseId;
use crate::store::StoreError;
use crate::store::embedded::io_error::io_error;
use crate::store::embedded::own_file;
use crate::store::embedded::record::Seal;

/// The newest layout that this build reads, and the one it writes. In layout 1 the last records are in fjall's own journals;
/// in layout 2 no journal names a deletion list; in layout 3 a commit that has one does nothing besides.
const LAYOUT: u64 = 4;

/// The first layout with journals of its own.
const OWN_JOURNALS: u64 = 2;

/// The contents of `format.json`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::store::embedded) struct Format {
    /// The layout; a newer one may have other fields.
    kubekv_embedded_store: u64,
    /// As in [`crate::store::StoreContents::identity`].
    #[serde(default)]
    pub(in crate::store::embedded) identity: u64,
    /// The secret by which the store recognizes its own records.
    #[serde(default)]
    pub(in crate::store::embedded) seal: Seal,
}

impl Format {
    /// The format of a new store.
    pub(in crate::store::embedded) fn new() -> Self {
        // A UUID's upper half has 60 random bits.
        let random = || u64::try_from(LeaseId::random().0 >> 64).unwrap_or_default();
        Self {
            kubekv_embedded_store: LAYOUT,
            identity: random(),
            seal: Seal(random()),
        }
    }

    /// Whether the layout is this build's own.
    pub(in crate::store::embedded) fn is_current(self) -> bool {
        self.kubekv_embedded_store == LAYOUT
    }

    /// Whether the last records are in journals of the layout's own.
    pub(in crate::store::embedded) fn has_journals(self) -> bool {
        self.kubekv_embedded_store >= OWN_JOURNALS
    }

    /// The same store in this build's layout.
    pub(super) fn upgraded(self) -> Self {
        Self {
            kubekv_embedded_store: LAYOUT,
            ..self
        }
    }

    /// Writes the file, which must not exist.
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(&serde_json::to_vec(&self)?)?;
        file.sync_all()
    }

    /// Reads the file, and refuses a layout that this build does not support. `root` is the data directory.
    pub(super) fn read(path: &Path, root: &Path) -> Result<Self, StoreError> {
        let text = own_file::read(path)
            .map_err(|e| io_error("the store is damaged: reading", path, &e))?;
        let format: Self = serde_json::from_slice(&text)
            .map_err(|e| StoreError(format!("{} is damaged: {e}", path.display())))?;
        if format.kubekv_embedded_store > LAYOUT {
            return Err(StoreError(format!(
                "{} was written by a newer kubekv (format {}; this one reads up to {LAYOUT})",
                root.display(),
                format.kubekv_embedded_store
            )));
        }
        Ok(format)
    }
}
