//! The storage engine: one fjall table of records, configured for little memory and synced writes.

use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::config::FilterPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::record::TableRow;
use crate::model::Revision;
use crate::store::StoreError;

/// The name of the only table.
const TABLE: &str = "records";

/// The size of a memtable, in bytes. Small, because the keyspace holds all entries in memory too; it also bounds what a
/// start reads twice.
const MEMTABLE_BYTES: u64 = 8 << 20;

/// The block cache, in bytes. Only a start reads, and it reads each block once.
const CACHE_BYTES: u64 = 1 << 20;

/// The target size of a table file, in bytes: the unit of compaction.
const TABLE_BYTES: u64 = 16 << 20;

/// An atomic write.
#[derive(Debug, Default)]
pub(super) struct WriteBatch {
    /// The rows to put.
    pub(super) put: Vec<TableRow>,
    /// The changes whose records are removed.
    pub(super) remove: Vec<Revision>,
}

/// The writer's storage engine; tests replace it by one that fails.
pub(super) trait Engine: Send {
    /// Writes a batch and syncs it. After an error the contents of the disk are unknown.
    fn write(&mut self, batch: WriteBatch) -> Result<(), String>;

    /// An error if the background work on table files has failed.
    fn healthy(&self) -> Result<(), String>;

    /// The bytes of table files: the most that one compaction can rewrite.
    fn table_bytes(&self) -> u64;
}

/// The fjall table in a directory of its own.
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
    /// Creates an empty table in a directory that does not exist yet.
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

    /// Opens an existing table. `precheck` must have found its files whole: fjall starts empty where some files are
    /// missing.
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

    /// Passes every row to `visit`, in the order of keys.
    pub(super) fn scan(&self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        for row in self.records.iter() {
            let (key, value) = row
                .into_inner()
                .map_err(|e| store_error(self.records.path(), &e))?;
            visit(&key, &value);
        }
        Ok(())
    }
}

impl Engine for Fjall {
    fn write(&mut self, batch: WriteBatch) -> Result<(), String> {
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
        // With several threads, the first one spins for as long as another compacts.
        .worker_threads(1)
        .open()
        .map_err(|e| store_error(path, &e))
}

fn store_error(path: &Path, error: &fjall::Error) -> StoreError {
    StoreError(format!("reading {}: {}", path.display(), describe(error)))
}

/// The text of a fjall error.
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
