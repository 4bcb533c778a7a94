//! `RecordTable`: the rows of a store. The last ones are in the journal, which is synced before anything is answered; a full
//! journal is moved to the table of fjall by another thread.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fjall::Slice;
use tokio::time::Instant;

use super::Engine;
use super::fjall_table::FjallTable;
use super::journal_rows::JournalRows;
use super::table_thread::{self, TableThread};
use crate::store::StoreError;
use crate::store::embedded::data_dir::Format;
use crate::store::embedded::io_error::io_error;
use crate::store::embedded::journal::{self, Segment};
use crate::store::embedded::record::TableRow;
use crate::store::embedded::write_batch::WriteBatch;

/// The bytes of the journal's buffer that are kept for later batches.
const KEPT_BYTES: usize = 1 << 20;

/// How long a journal must last for the next one to be made ready. Where they fill faster, the disk is the limit, and to write
/// zeros first would take half of it.
const UNHURRIED: Duration = Duration::from_millis(200);

/// The name of the file that is made ready for the next journal.
const PREPARED: &str = "next";

/// The rows of a store.
#[derive(Debug)]
pub(in crate::store::embedded) struct RecordTable {
    table: FjallTable,
    /// fjall's directory.
    db: PathBuf,
    /// The directory of the journals.
    journals: PathBuf,
    thread: TableThread,
    /// The journal that is written; none in a store of the layout before that was opened to be read.
    active: Option<Segment>,
    /// When it was begun or opened.
    begun: Instant,
    /// Its rows.
    rows: JournalRows,
    /// The number of the last batch.
    sequence: u64,
    buffer: Vec<u8>,
}

impl RecordTable {
    /// Creates an empty table in directories that do not exist yet.
    pub(in crate::store::embedded) fn create(
        db: &Path,
        journals: &Path,
    ) -> Result<Self, StoreError> {
        let mut table = Self::over(FjallTable::create(db)?, db, journals)?;
        table.begin_journal()?;
        Ok(table)
    }

    /// Opens an existing table, whose files `precheck` must have found whole. What a journal besides the last one holds is
    /// moved to the table first.
    pub(in crate::store::embedded) fn open(
        db: &Path,
        journals: &Path,
        format: Format,
    ) -> Result<Self, StoreError> {
        let mut table = Self::over(FjallTable::open(db)?, db, journals)?;
        if !format.has_journals() {
            return Ok(table);
        }
        let failed = |e: io::Error| io_error("reading", journals, &e);
        remove_if_there(&journals.join(PREPARED)).map_err(failed)?;
        let mut found = journal::read_all(journals, format.seal)?;
        let last = found.pop();
        for journal in found {
            table.sequence = journal.sequence.unwrap_or(table.sequence);
            let moved = table.table.ingest(journal.rows);
            moved.map_err(|e| StoreError(format!("writing to {}: {e}", db.display())))?;
            table_thread::remove(&journal.path).map_err(failed)?;
        }
        let named = last.as_ref().map_or(&[][..], |last| &last.lists);
        journal::remove_unnamed(journals, named).map_err(failed)?;
        if let Some(last) = last {
            table.sequence = last.sequence.unwrap_or(table.sequence);
            table.active =
                Some(Segment::open(&last.path, last.number, last.whole).map_err(failed)?);
            table.rows = JournalRows::read(last.rows, last.lists);
        }
        Ok(table)
    }

    fn over(table: FjallTable, db: &Path, journals: &Path) -> Result<Self, StoreError> {
        let thread = TableThread::start(table.clone())
            .map_err(|e| StoreError(format!("starting the thread of table files: {e}")))?;
        Ok(Self {
            table,
            db: db.to_owned(),
            journals: journals.to_owned(),
            thread,
            active: None,
            begun: Instant::now(),
            rows: JournalRows::default(),
            sequence: 0,
            buffer: Vec::new(),
        })
    }

    /// Makes the first journal.
    fn begin_journal(&mut self) -> Result<(), StoreError> {
        let first = journal::begin(&self.journals);
        let first = first.map_err(|e| io_error("making", &self.journals, &e))?;
        self.active = Some(first);
        Ok(())
    }

    /// Gives a store of the layout before its journals. Until the layout is written down it stays what it was. The row is one
    /// that the table has.
    pub(in crate::store::embedded) fn upgrade(&mut self, row: TableRow) -> Result<(), StoreError> {
        let (key, value) = row;
        self.table.empty_journals(&self.db, (key, Some(value)))?;
        self.begin_journal()
    }

    /// Passes every row of a table that was just opened to `visit`, in the order of keys.
    pub(in crate::store::embedded) fn scan(
        &self,
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), StoreError> {
        // What is in the journal is later than what is in the table.
        let later: BTreeMap<&Slice, Option<&Slice>> = self
            .rows
            .rows()
            .iter()
            .map(|(key, value)| (key, value.as_ref()))
            .collect();
        let mut later = later.into_iter().peekable();
        self.table.scan(|key, value| {
            while let Some((name, row)) = later.next_if(|(name, _)| name.as_ref() < key) {
                if let Some(row) = row {
                    visit(name, row);
                }
            }
            match later.next_if(|(name, _)| name.as_ref() == key) {
                Some((name, Some(row))) => visit(name, row),
                Some((_, None)) => {}
                None => visit(key, value),
            }
        })?;
        for (name, row) in later {
            if let Some(row) = row {
                visit(name, row);
            }
        }
        Ok(())
    }

    /// Begins the next journal, and hands over the one that is full.
    fn next_journal(&mut self, full: Segment) -> Result<Segment, String> {
        let next = match self.thread.take_prepared() {
            Some(file) => full.next_prepared(file, &self.journals.join(PREPARED)),
            None => full.next(),
        };
        let next = next.map_err(|e| format!("the next journal: {e}"))?;
        self.begun = Instant::now();
        let rows = std::mem::take(&mut self.rows);
        self.thread.ingest(rows, full.into_path())?;
        Ok(next)
    }
}

impl Engine for RecordTable {
    fn write(&mut self, batch: WriteBatch) -> Result<(), String> {
        if batch.is_empty() {
            return Ok(());
        }
        let Some(mut active) = self.active.take() else {
            return Err("the store was opened to be read".to_owned());
        };
        self.sequence += 1;
        journal::encode(&batch, self.sequence, &mut self.buffer)?;
        if !active.has_room(self.buffer.len()) {
            active = self.next_journal(active)?;
        }
        active.append(&self.buffer).map_err(|e| e.to_string())?;
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
        self.rows.add(batch);
        if active.is_half_full() && self.begun.elapsed() >= UNHURRIED {
            self.thread.prepare(|| self.journals.join(PREPARED));
        }
        self.active = Some(active);
        Ok(())
    }

    fn healthy(&self) -> Result<(), String> {
        self.thread.healthy()
    }

    fn table_bytes(&self) -> u64 {
        self.thread.table_bytes()
    }
}

impl Drop for RecordTable {
    fn drop(&mut self) {
        self.thread.finish();
        if self.active.is_some() {
            // The next start does it otherwise.
            let _removed = remove_if_there(&self.journals.join(PREPARED));
        }
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}
