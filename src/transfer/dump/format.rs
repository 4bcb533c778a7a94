//! The lines of a dump, as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::model::{DirMark, is_default};
use crate::transfer::{ItemVersions, ZnodeItem};

/// The newest format that this build reads. It writes this one where an entry has what ZooKeeper alone keeps, or its
/// versions: a release that does not know these refuses the dump, and does not import a protected entry as an open one.
pub(super) const FORMAT: u32 = 2;

/// The format that it writes where none has, which the first release reads.
pub(super) const FIRST_FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DumpHeader {
    #[serde(rename = "kubekv-dump")]
    pub(super) format: u32,
    /// The server or store that was read.
    pub(super) origin: String,
    /// The index of the source that the dump is as of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u64>,
    /// The time of reading, for people.
    pub(super) taken: String,
}

/// An entry's line. Bytes that are UTF-8 are stored as text, others in Base64.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EntryLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value_base64: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) flags: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) dir: DirMark,
    /// The TTL that was left, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl_ms: Option<u64>,
    /// From format 2 on.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) znode: ZnodeItem,
    /// From format 2 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) versions: Option<ItemVersions>,
}

/// The line of the root, without a key. From format 2 on; a release that does not know it refuses the dump.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RootLine {
    pub(super) root: EntryLine,
}

/// The last line.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndLine {
    pub(super) end: Totals,
}

/// The totals of a dump.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Totals {
    /// The number of entries.
    pub(super) entries: usize,
    /// The SHA-256 of every byte before this line.
    pub(super) sha256: String,
}

/// Bytes as text if they are UTF-8, else in Base64.
pub(super) fn encode(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

/// The bytes of a text or of Base64; `None` unless exactly one is given and valid.
pub(super) fn decode(text: Option<String>, base64: Option<String>) -> Option<Vec<u8>> {
    match (text, base64) {
        (Some(text), None) => Some(text.into_bytes()),
        (None, Some(base64)) => STANDARD.decode(base64).ok(),
        _ => None,
    }
}
