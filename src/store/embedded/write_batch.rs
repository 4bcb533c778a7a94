//! `WriteBatch`: rows that are put and removed together.

use std::path::PathBuf;

use super::record::{Seal, TableRow};
use crate::model::Revision;

/// An atomic write.
#[derive(Debug, Default)]
pub(super) struct WriteBatch {
    /// The rows to put.
    pub(super) put: Vec<TableRow>,
    /// The changes whose records are removed.
    pub(super) remove: Vec<Revision>,
    /// A commit whose records are made later, before the rows that are put.
    pub(super) list: Option<ListRow>,
}

impl WriteBatch {
    /// Whether nothing is written.
    pub(super) fn is_empty(&self) -> bool {
        self.put.is_empty() && self.remove.is_empty() && self.list.is_none()
    }
}

/// A commit whose changes are in a list.
#[derive(Clone, Debug)]
pub(super) struct ListRow {
    /// What the journal has of it.
    pub(super) row: TableRow,
    /// The file of the list, which goes when the journal does.
    pub(super) file: PathBuf,
    /// The seal of its records.
    pub(super) seal: Seal,
}
