//! `format.json`: what a start reads before anything else.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::failed;
use crate::model::LeaseId;
use crate::store::StoreError;
use crate::store::embedded::record::Seal;

/// The newest layout this build reads, and the one it makes.
const LAYOUT: u64 = 1;

/// What `format.json` says.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::store::embedded) struct Format {
    /// The layout; the other fields may be others in a newer one.
    kubekv_embedded_store: u64,
    /// As in [`crate::store::StoreContents::identity`].
    #[serde(default)]
    pub(in crate::store::embedded) identity: u64,
    /// By which the store knows its own records.
    #[serde(default)]
    pub(in crate::store::embedded) seal: Seal,
}

impl Format {
    /// That of a new store.
    pub(in crate::store::embedded) fn new() -> Self {
        // A UUID's upper half has 60 random bits.
        let random = || u64::try_from(LeaseId::random().0 >> 64).unwrap_or_default();
        Self {
            kubekv_embedded_store: LAYOUT,
            identity: random(),
            seal: Seal(random()),
        }
    }

    /// Writes it, once.
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(&serde_json::to_vec(&self)?)?;
        file.sync_all()
    }

    /// Reads it, and refuses a layout this build does not know. `root` is the directory the store lies in.
    pub(super) fn read(path: &Path, root: &Path) -> Result<Self, StoreError> {
        let text = fs::read(path).map_err(|e| failed("the store is damaged: reading", path, &e))?;
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
