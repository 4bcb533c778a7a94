//! Recovery: a store read from its files, for a start, a check or a backup. A torn journal is cut; any other damage is
//! an error or a problem of the result.

use super::data_dir::{DataDir, Format};
use super::directory_checkpoint::DirectoryCheckpointFile;
use super::engine::RecordTable;
use super::high_water_mark::HighWaterMark;
use super::io_error::io_error;
use super::load::{LoadedStore, Loader};
use super::precheck::precheck;
use super::record::{Seal, metadata_row};
use crate::store::StoreError;

/// A store's open files and its contents. The lock on the directory is released last.
#[derive(Debug)]
pub(super) struct RecoveredStore {
    pub(super) table: RecordTable,
    pub(super) high_water_mark: HighWaterMark,
    pub(super) data_dir: DataDir,
    pub(super) format: Format,
    pub(super) seal: Seal,
    pub(super) loaded: LoadedStore,
    pub(super) directories: DirectoryCheckpointFile,
    /// The bytes of an unfinished commit that were cut off.
    pub(super) cut_bytes: u64,
}

impl RecoveredStore {
    /// Gives a store of an earlier layout the layout of this build.
    pub(super) fn upgrade(&mut self) -> Result<(), StoreError> {
        if self.format.is_current() {
            return Ok(());
        }
        if !self.format.has_journals() {
            self.begin_journals()?;
        }
        self.data_dir.upgrade_format(self.format)?;
        tracing::info!(
            directory = %self.data_dir.root().display(),
            "the store has a newer layout from now on; earlier releases refuse to open it"
        );
        Ok(())
    }

    fn begin_journals(&mut self) -> Result<(), StoreError> {
        let row = metadata_row(self.seal, &self.loaded.metadata())
            .map_err(|e| StoreError(e.to_string()))?;
        self.table.upgrade(row)
    }

    /// Refuses a store with problems.
    pub(super) fn require_sound(self) -> Result<Self, StoreError> {
        if let Some(format) = self.loaded.newer {
            return Err(StoreError(format!(
                "{} was written by a newer kubekv (records of format {format})",
                self.data_dir.root().display()
            )));
        }
        let Some(first) = self.loaded.problems.first() else {
            return Ok(self);
        };
        Err(StoreError(format!(
            "{} is damaged: {first} (problems: {}; kubekv check lists them)",
            self.data_dir.root().display(),
            self.loaded.problems.len()
        )))
    }
}

/// Recovers the store in a directory. Missing or damaged files are an error; records that contradict one another are
/// problems of the loaded store.
pub(super) fn recover(data_dir: DataDir) -> Result<RecoveredStore, StoreError> {
    let format = data_dir.read_format()?;
    let Format { identity, seal, .. } = format;
    let mark_path = data_dir.high_water_mark();
    let (high_water_mark, acknowledged) = HighWaterMark::open(mark_path)
        .map_err(|e| io_error("the store is damaged: reading", mark_path, &e))?;
    let torn = precheck(&data_dir, format, acknowledged)?;
    if let Some(torn) = &torn {
        torn.cut()?;
        tracing::warn!(
            directory = %data_dir.root().display(),
            bytes = torn.bytes(),
            "the last commit was unfinished and was cut off; it was never acknowledged to a client"
        );
    }
    let table = RecordTable::open(&data_dir.db(), &data_dir.journals(), format)?;
    let mut loader = Loader::new(seal);
    table.scan(|key, value| loader.take(key, value))?;
    let mut loaded = loader.finish();
    let revision = loaded.contents.revision;
    if revision < acknowledged {
        loaded.problems.push(format!(
            "commits up to {acknowledged} were acknowledged, but the last one here is {revision}"
        ));
    }
    if loaded.contents.identity != identity {
        let line = "format.json belongs to another store";
        loaded.problems.push(line.to_owned());
    }
    let path = data_dir.directories();
    let (directories, checkpoint) = DirectoryCheckpointFile::open(path.clone(), seal)
        .map_err(|e| io_error("reading", &path, &e))?;
    loaded.contents.directories = Some(checkpoint);
    Ok(RecoveredStore {
        table,
        high_water_mark,
        data_dir,
        format,
        seal,
        loaded,
        directories,
        cut_bytes: torn.map_or(0, |torn| torn.bytes()),
    })
}
