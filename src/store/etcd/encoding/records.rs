//! The records that kubekv stores beside the values, as JSON.

use serde::{Deserialize, Serialize};

use super::numbering::NumberingRecord;
use crate::model::{Attrs, Cause, is_default};
use crate::store::shared::log::SendError;
use crate::store::shared::write_ids::WriteId;

/// An entry's attributes. They belong to the value that was written in the same transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AttributesRecord {
    /// The number of the write within its transaction.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) sub: u32,
    /// The place of the commit among those of its transaction.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) place: u8,
    /// The index of the commit that made the entry, where the entry was renamed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<u64>,
    /// The directory in which the entry is to be named by its index, while it has a temporary name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<Vec<u8>>,
    /// The commit, where these attributes carry its record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<CommitRecord>,
    pub(crate) attrs: Attrs,
}

/// A commit's write id and cause: in the attributes of the first value it puts, or a record of its own where it puts none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitRecord {
    #[serde(rename = "stamp")]
    pub(crate) write_id: WriteId,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) cause: Cause,
    /// The node that was acted on as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
}

/// The term in force. Each write compares the revision of this record, which fences off leaders of earlier terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TermRecord {
    pub(crate) term: u64,
    /// As in the leader record: indexes stay what they are where that one was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) indexes: Option<NumberingRecord>,
}

/// Those attributes that stay when an external write replaces the value.
pub(crate) fn outlasting(of: Option<&AttributesRecord>) -> Option<Box<Attrs>> {
    of?.attrs.outlasting().map(Box::new)
}

/// A record's JSON.
pub(crate) fn to_json(record: &impl Serialize) -> Result<Vec<u8>, SendError> {
    serde_json::to_vec(record).map_err(|error| SendError::Refused(error.to_string()))
}
