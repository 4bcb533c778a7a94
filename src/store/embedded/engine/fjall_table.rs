//! `FjallTable`: one fjall table of records, configured for little memory. Rows come in sorted, whole journals at a time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::config::FilterPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Slice};

use crate::store::StoreError;
use crate::store::embedded::journal::JournalRow;
use crate::store::embedded::own_file::{self, FileUse};

/// The name of the only table.
const TABLE: &str = "records";

/// The size of a memtable, in bytes. Only journals of fjall's own, of the layout before this one, fill any.
const MEMTABLE_BYTES: u64 = 8 << 20;

/// The block cache, in bytes. Only a start reads, and it reads each block once.
const CACHE_BYTES: u64 = 1 << 20;

/// The target size of a table file, in bytes: the unit of compaction.
const TABLE_BYTES: u64 = 16 << 20;

/// The fjall table in a directory of its own. fjall's own journal stays empty: rows are durable elsewhere before they come here.
#[derive(Clone)]
pub(super) struct FjallTable {
    database: Database,
    records: Keyspace,
}

impl std::fmt::Debug for FjallTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FjallTable")
    }
}

impl FjallTable {
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

    /// Writes rows to a table file of their own and syncs it. Of several rows of one key the last one counts.
    pub(super) fn ingest(&self, rows: Vec<JournalRow>) -> Result<(), String> {
        let rows: BTreeMap<Slice, Option<Slice>> = rows.into_iter().collect();
        let write = || {
            let mut ingestion = self.records.start_ingestion()?;
            for (key, value) in rows {
                match value {
                    Some(value) => ingestion.write(key, value)?,
                    None => ingestion.write_tombstone(key)?,
                }
            }
            ingestion.finish()
        };
        write().map_err(|e| describe(&e))
    }

    /// How many table files wait for a compaction before rows can be found in few places.
    pub(super) fn unsorted_tables(&self) -> usize {
        self.records.l0_table_count()
    }

    /// An error if fjall's own thread has failed.
    pub(super) fn healthy(&self) -> Result<(), String> {
        self.database
            .persist(PersistMode::Buffer)
            .map_err(|e| describe(&e))
    }

    /// The bytes of table files. It waits while fjall changes the list of them.
    pub(super) fn bytes(&self) -> u64 {
        self.records.disk_space()
    }

    /// Moves what fjall's own journals hold to table files, and empties them: a store of the layout before has rows there.
    pub(super) fn empty_journals(&self, path: &Path, row: JournalRow) -> Result<(), StoreError> {
        // An ingestion flushes everything that came before it.
        self.ingest(vec![row])
            .map_err(|e| StoreError(format!("writing to {}: {e}", path.display())))?;
        let empty = || {
            for entry in fs::read_dir(path)? {
                let journal = entry?.path();
                if journal
                    .extension()
                    .is_some_and(|extension| extension == "jnl")
                {
                    let file = own_file::open(&journal, FileUse::ReadWrite)?;
                    file.set_len(0)?;
                    file.sync_all()?;
                }
            }
            Ok(())
        };
        empty()
            .map_err(|e: std::io::Error| StoreError(format!("writing to {}: {e}", path.display())))
    }

    /// Writes a row as the layout before did: to fjall's own journal, synced.
    #[cfg(test)]
    pub(super) fn write_to_own_journal(&self, rows: Vec<JournalRow>) {
        let mut batch = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for (key, value) in rows {
            match value {
                Some(value) => batch.insert(&self.records, key, value),
                None => batch.remove(&self.records, key),
            }
        }
        batch.commit().unwrap();
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
