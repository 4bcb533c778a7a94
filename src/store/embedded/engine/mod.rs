//! The storage engine: what the writer thread writes to, and what a start reads.

use super::write_batch::WriteBatch;

mod fjall_table;
mod journal_rows;
mod record_table;
mod table_thread;
#[cfg(test)]
mod tests;

pub(super) use record_table::RecordTable;

/// The writer's storage engine; tests replace it by one that fails.
pub(super) trait Engine: Send {
    /// Writes a batch and syncs it. After an error the contents of the disk are unknown.
    fn write(&mut self, batch: WriteBatch) -> Result<(), String>;

    /// An error if the background work on table files has failed.
    fn healthy(&self) -> Result<(), String>;

    /// The bytes of table files, as of a moment ago: the most that one compaction can rewrite.
    fn table_bytes(&self) -> u64;
}
