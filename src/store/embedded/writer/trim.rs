//! Trimming by the writer thread: history and deletions go in steps, once what counts on them is in a checkpoint.

use super::Writer;
use crate::store::DirectoryChanges;
use crate::store::embedded::engine::Engine;
use crate::store::embedded::free_space::SpaceNeed;
use crate::store::embedded::record;
use crate::store::embedded::write_batch::WriteBatch;

/// The records trimmed in one step while nobody writes.
const IDLE_TRIM: usize = 4096;

impl<E: Engine> Writer<E> {
    /// Adds the next step of trimming: records and floors change in one batch, so a start finds both or neither.
    pub(super) fn add_trim(&mut self, most: usize, batch: &mut WriteBatch) -> Result<bool, String> {
        let Some(trim) = self.retention.next_step(most) else {
            return Ok(false);
        };
        self.metadata.history_floor = trim.history_floor;
        self.metadata.deletions_floor = trim.deletions_floor;
        self.metadata.is_partial = trim.is_partial;
        let row = record::metadata_row(self.seal, &self.metadata).map_err(|e| e.to_string())?;
        batch.put.push(row);
        batch.remove = trim.remove;
        Ok(true)
    }

    pub(super) fn trim_idle(&mut self) -> Result<bool, String> {
        if self.space_left()?.take(SpaceNeed::Frees, 0).is_err() {
            return Ok(false);
        }
        let mut batch = WriteBatch::default();
        if !self.add_trim(IDLE_TRIM, &mut batch)? {
            return Ok(false);
        }
        self.engine
            .write(batch)
            .map_err(|e| format!("writing to {}: {e}", self.data_dir.root().display()))?;
        Ok(true)
    }

    /// Keeps the checkpoint of directories that was handed over, and lets trimming go on to the floors behind it. One that
    /// could not be kept is tried again when there is time, or with the next.
    pub(super) fn note_retention_floors(&mut self, has_time: bool) {
        let (changes, floors) = self.queue.take_retention();
        let tries = has_time || changes.is_some();
        let earlier = self.unkept.take();
        let is_repeated = earlier.is_some();
        let (unkept, waiting) = earlier.unzip();
        let floors = floors.or(waiting.flatten());
        let changes = match (unkept, changes) {
            (Some(mut unkept), Some(later)) => {
                unkept.extend(later);
                Some(unkept)
            }
            (unkept, changes) => unkept.or(changes),
        };
        if let Some(changes) = changes
            && (!tries || !self.keep_directories(&changes, is_repeated))
        {
            // What it counts stays in the history until it is kept.
            self.unkept = Some((changes, floors));
            return;
        }
        if let Some(floors) = floors {
            self.retention.raise_floors(floors);
        }
    }

    /// Writes a checkpoint of directories; says whether that succeeded.
    fn keep_directories(&mut self, changes: &DirectoryChanges, is_repeated: bool) -> bool {
        let Err(e) = self.directories.write(changes) else {
            return true;
        };
        if !is_repeated {
            tracing::warn!(
                path = %self.data_dir.directories().display(),
                "cannot write the counts of directories; history is kept until they are written, so the store grows: {e}"
            );
        }
        false
    }
}
