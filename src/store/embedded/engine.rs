//! The table of records on disk: fjall, told to be small and to sync.

use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::config::FilterPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::record::Row;
use crate::model::Revision;
use crate::store::StoreError;

/// The one table's name.
const TABLE: &str = "records";

/// What is kept in memory before it is written to a table file, in bytes. Small, because all of it is in the
/// keyspace's memory too; it also bounds what a start reads twice.
const MEMTABLE_BYTES: u64 = 8 << 20;

/// Blocks kept in memory, in bytes. Only a start reads, and it reads each block once.
const CACHE_BYTES: u64 = 1 << 20;

/// The aimed-at size of a table file, in bytes: the unit of compaction.
const TABLE_BYTES: u64 = 16 << 20;

/// What is written at once, all or nothing.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Rows to put.
    pub(super) put: Vec<Row>,
    /// Changes whose records go.
    pub(super) remove: Vec<Revision>,
}

/// Where a writer's batches go; a seam for tests of what happens when the disk fails.
pub(super) trait Engine: Send {
    /// Writes a batch and syncs it. After an error it is not known what is on disk.
    fn write(&mut self, batch: Batch) -> Result<(), String>;

    /// Whether the background work still goes on.
    fn healthy(&self) -> Result<(), String>;

    /// The bytes of table files: the most that one compaction can write anew.
    fn table_bytes(&self) -> u64;
}

/// The table in a directory of its own.
#[derive(Clone)]
pub(super) struct Fjall {
    database: Database,
    records: Keyspace,
}

impl std::fmt::Debug for Fjall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fjall")
    }
}

impl Fjall {
    /// Makes an empty table in a directory that does not exist yet.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let database = open_database(path)?;
        let records = database
            .keyspace(TABLE, || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(MEMTABLE_BYTES)
                    .compaction_strategy(Arc::new(
                        Leveled::default().with_table_target_size(TABLE_BYTES),
                    ))
                    // Records are never looked up one by one.
                    .filter_policy(FilterPolicy::disabled())
                    .expect_point_read_hits(true)
            })
            .map_err(|e| store_error(path, &e))?;
        Ok(Self { database, records })
    }

    /// Opens a table that is there. `survey` must have found its files whole: fjall itself takes some missing files
    /// for an invitation to begin anew.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let database = open_database(path)?;
        if !database.keyspace_exists(TABLE) {
            return Err(StoreError(format!(
                "{} is damaged: it has no table of records",
                path.display()
            )));
        }
        let records = database
            .keyspace(TABLE, KeyspaceCreateOptions::default)
            .map_err(|e| store_error(path, &e))?;
        Ok(Self { database, records })
    }

    /// Hands every row to `take`, in the order of keys.
    pub(super) fn scan(&self, mut take: impl FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        for row in self.records.iter() {
            let (key, value) = row
                .into_inner()
                .map_err(|e| store_error(self.records.path(), &e))?;
            take(&key, &value);
        }
        Ok(())
    }
}

impl Engine for Fjall {
    fn write(&mut self, batch: Batch) -> Result<(), String> {
        let mut out = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for (key, value) in batch.put {
            out.insert(&self.records, key, value);
        }
        for at in batch.remove {
            out.remove(&self.records, super::record::change_key(at));
        }
        out.commit().map_err(|e| describe(&e))
    }

    fn healthy(&self) -> Result<(), String> {
        self.database
            .persist(PersistMode::Buffer)
            .map_err(|e| describe(&e))
    }

    fn table_bytes(&self) -> u64 {
        self.records.disk_space()
    }
}

fn open_database(path: &Path) -> Result<Database, StoreError> {
    Database::builder(path)
        .cache_size(CACHE_BYTES)
        .max_cached_files(Some(64))
        // With more, the first one spins for as long as another compacts.
        .worker_threads(1)
        .open()
        .map_err(|e| store_error(path, &e))
}

fn store_error(path: &Path, error: &fjall::Error) -> StoreError {
    StoreError(format!("reading {}: {}", path.display(), describe(error)))
}

/// The one translation of fjall's errors into words.
fn describe(error: &fjall::Error) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is non-exhaustive")]
    match error {
        fjall::Error::Io(e) | fjall::Error::Storage(fjall::LsmError::Io(e)) => e.to_string(),
        fjall::Error::Locked => "another process has it open".to_owned(),
        fjall::Error::Poisoned => "background work on the table files failed earlier".to_owned(),
        fjall::Error::Storage(e) => format!("the files are damaged: {e:?}"),
        other => format!("the files are damaged: {other:?}"),
    }
}
