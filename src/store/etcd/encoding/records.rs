//! What is written beside the values, as JSON.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::{Attrs, Cause, Entry, Key, Mark, Record, Revision};
use crate::store::shared::write_ids::WriteId;

/// What is remembered beside a value that was written in the same transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    /// Which of the transaction's writes it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) sub: u32,
    /// The index of the transaction that made the entry, where it was moved since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<u64>,
    /// The key it is to be named under, where its name is the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<Vec<u8>>,
    /// The transaction's name, where these attributes bear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<Committed>,
    pub(crate) attrs: Attrs,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The name of a gateway's write, and why it was made: beside the first value it puts, or a record where it puts none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Committed {
    #[serde(rename = "stamp")]
    pub(crate) write_id: WriteId,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) cause: Cause,
    /// The node that was acted on as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
}

/// The fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Term {
    pub(crate) term: u64,
}

/// A value as etcd has it.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) bytes: Bytes,
    /// etcd's own count of its writes, from 1.
    pub(crate) version: u64,
    /// The revision it came to be at, as etcd tells it.
    pub(crate) created: u64,
    /// The revision it was written at.
    pub(crate) modified: u64,
}

/// An entry of a value and the attributes that belong to it; without any, somebody else has written it.
pub(crate) fn entry(value: Value, attributes: Option<Attributes>, offset: u64) -> Entry {
    let written = value.modified + offset;
    let Some(attributes) = attributes else {
        let created = if value.created == value.modified {
            Mark::ThisWrite
        } else {
            Mark::At(value.created + offset)
        };
        let attrs = Attrs {
            version: value.version.saturating_sub(1),
            created,
            ..Attrs::default()
        };
        return Entry {
            record: Record {
                value: value.bytes,
                attrs,
            },
            modified: Revision::new(written, 0),
        };
    };
    Entry {
        record: Record {
            value: value.bytes,
            attrs: attributes.attrs,
        },
        modified: Revision::new(attributes.at.unwrap_or(written), attributes.sub),
    }
}

/// The key under a parent that is named by an index.
pub(crate) fn named(parent: &[u8], index: u64) -> Key {
    let mut bytes = parent.to_vec();
    bytes.extend_from_slice(format!("{index:020}").as_bytes());
    Key::user(bytes)
}
