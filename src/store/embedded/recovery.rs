//! Reads a whole store from its files: for a start, for a check, for a backup.

use super::data_dir::{self, DataDir, Format};
use super::engine::Fjall;
use super::high_water_mark::HighWaterMark;
use super::load::{Loaded, Loader};
use super::precheck;
use super::record::Seal;
use crate::store::StoreError;

/// A store's files, open, and what they say. The lock on the directory goes last.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) table: Fjall,
    pub(super) mark: HighWaterMark,
    pub(super) place: DataDir,
    pub(super) seal: Seal,
    pub(super) loaded: Loaded,
    /// Bytes of a commit that was never finished, cut off now.
    pub(super) cut: u64,
}

impl Files {
    /// Refuses a store that contradicts itself.
    pub(super) fn sound(self) -> Result<Self, StoreError> {
        if let Some(format) = self.loaded.newer {
            return Err(StoreError(format!(
                "{} was written by a newer kubekv (records of format {format})",
                self.place.root().display()
            )));
        }
        let Some(first) = self.loaded.problems.first() else {
            return Ok(self);
        };
        Err(StoreError(format!(
            "{} is damaged: {first} (problems: {}; kubekv check lists them)",
            self.place.root().display(),
            self.loaded.problems.len()
        )))
    }
}

/// Reads the store in a directory. Files that are missing or damaged are an error; records that contradict one another
/// are problems in what was loaded.
pub(super) fn read(place: DataDir) -> Result<Files, StoreError> {
    let Format { identity, seal, .. } = place.read_format()?;
    let mark_path = place.mark();
    let (mark, told) = HighWaterMark::open(&mark_path)
        .map_err(|e| data_dir::failed("the store is damaged: reading", &mark_path, &e))?;
    let torn = precheck::survey(&place, seal, told)?;
    if let Some(torn) = &torn {
        torn.cut()?;
        tracing::warn!(
            directory = %place.root().display(),
            bytes = torn.bytes(),
            "the last commit was never finished; it was cut off"
        );
    }
    let table = Fjall::open(&place.db())?;
    let mut loader = Loader::new(seal);
    table.scan(|key, value| loader.take(key, value))?;
    let mut loaded = loader.finish();
    let revision = loaded.opened.revision;
    if revision < told {
        loaded.problems.push(format!(
            "commits up to {told} were acknowledged, but the last one here is {revision}"
        ));
    }
    if loaded.opened.identity != identity {
        let line = "format.json belongs to another store";
        loaded.problems.push(line.to_owned());
    }
    Ok(Files {
        table,
        mark,
        place,
        seal,
        loaded,
        cut: torn.map_or(0, |torn| torn.bytes()),
    })
}
