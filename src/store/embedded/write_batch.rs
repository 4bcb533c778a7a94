//! `WriteBatch`: rows that are put and removed together.

use super::record::TableRow;
use crate::model::Revision;

/// An atomic write.
#[derive(Debug, Default)]
pub(super) struct WriteBatch {
    /// The rows to put.
    pub(super) put: Vec<TableRow>,
    /// The changes whose records are removed.
    pub(super) remove: Vec<Revision>,
}
