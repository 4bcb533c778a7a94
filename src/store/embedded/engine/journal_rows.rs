//! `JournalRows`: the rows of a journal that is being written, as they were written.

use std::path::PathBuf;

use fjall::Slice;

use crate::store::embedded::journal::{JournalRow, list_rows};
use crate::store::embedded::record;
use crate::store::embedded::write_batch::{ListRow, WriteBatch};

/// Rows in the order in which they were written. Those of a commit whose changes are in a list are made when the journal is
/// moved to the table.
#[derive(Debug, Default)]
pub(super) struct JournalRows {
    rows: Vec<JournalRow>,
    /// How many rows were written before each list.
    lists: Vec<(usize, ListRow)>,
    /// The files of lists whose rows are made.
    made: Vec<PathBuf>,
}

impl JournalRows {
    /// The rows of a journal that was read, which names these lists.
    pub(super) fn read(rows: Vec<JournalRow>, made: Vec<PathBuf>) -> Self {
        let lists = Vec::new();
        Self { rows, lists, made }
    }

    /// Adds what was written.
    pub(super) fn add(&mut self, batch: WriteBatch) {
        let list = batch.list.map(|list| (self.rows.len(), list));
        self.lists.extend(list);
        let put = batch.put.into_iter().map(|(key, value)| (key, Some(value)));
        let removed = batch.remove.into_iter();
        let removed = removed.map(|at| (Slice::from(record::change_key(at)), None));
        self.rows.extend(put.chain(removed));
    }

    /// The rows, as far as they are made.
    pub(super) fn rows(&self) -> &[JournalRow] {
        &self.rows
    }

    /// All rows, in their order, and the files of the lists that some are made from.
    pub(super) fn made(self) -> Result<(Vec<JournalRow>, Vec<PathBuf>), String> {
        let Self {
            rows,
            lists,
            made: mut files,
        } = self;
        if lists.is_empty() {
            return Ok((rows, files));
        }
        let mut made = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter();
        let mut taken = 0;
        for (place, list) in lists {
            made.extend(rows.by_ref().take(place.saturating_sub(taken)));
            taken = place;
            let (key, value) = &list.row;
            let own = list_rows(list.seal, (key, value), &list.file);
            made.extend(own.map_err(|e| format!("reading {e}"))?);
            files.push(list.file);
        }
        made.extend(rows);
        Ok((made, files))
    }
}
