//! Frames: the bytes around every record, with a keyed checksum; numbers are little-endian:
//!
//! ```text
//! 1 byte    the format, 1
//! 8 bytes   xxh3-64, seeded with the store's seal, over the record's table key and all bytes that follow
//! 4 bytes   length of the header        4 bytes   length of the entry's key
//! header    JSON                        key       the entry's key, raw            value   the rest, raw
//! ```
//!
//! The checksum covers the table key too, so that a record stored under another's key is detected. The seal is secret,
//! so that no value a client writes can pass for a record.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::checksum::xxh3;

/// The newest format this build reads, and the one it writes.
pub(super) const FORMAT: u8 = 1;

/// Bytes before the header.
const FRAME: usize = 17;

/// Why bytes do not decode to a record.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::store::embedded) enum RecordError {
    #[error("format {0} is newer than this kubekv, which reads up to {FORMAT}")]
    Newer(u8),
    #[error("record cut short")]
    Short,
    #[error("checksum does not match")]
    Checksum,
    #[error("header not understood: {0}")]
    Header(String),
    #[error("not a key of this table")]
    TableKey,
}

/// A store's secret, by which it recognizes its own records.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store::embedded) struct Seal(pub(in crate::store::embedded) u64);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

/// Writes a header as serde does, for [`frame`].
pub(in crate::store::embedded) fn json(
    header: &impl Serialize,
) -> impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error> {
    move |to| serde_json::to_writer(to, header)
}

/// Encodes a record into a buffer, which then holds nothing else.
pub(in crate::store::embedded) fn frame(
    seal: Seal,
    table_key: &[u8],
    header: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
    (key, value): (&[u8], &[u8]),
    body: &mut Vec<u8>,
) -> Result<(), RecordError> {
    body.clear();
    body.push(FORMAT);
    // The sum and the lengths.
    body.extend_from_slice(&[0; FRAME - 1]);
    header(body).map_err(|e| RecordError::Header(e.to_string()))?;
    let length = |bytes: usize| u32::try_from(bytes).map_err(|_| RecordError::Short);
    let lengths = [length(body.len() - FRAME)?, length(key.len())?].map(u32::to_le_bytes);
    if let Some(fields) = body.get_mut(9..FRAME) {
        fields.copy_from_slice(lengths.as_flattened());
    }
    body.extend_from_slice(key);
    body.extend_from_slice(value);
    let sum = checksum(seal, table_key, body.get(9..).unwrap_or_default());
    if let Some(field) = body.get_mut(1..9) {
        field.copy_from_slice(&sum.to_le_bytes());
    }
    Ok(())
}

/// Decodes a record into header, key and value.
pub(in crate::store::embedded) fn unframe<'a, H: DeserializeOwned>(
    seal: Seal,
    table_key: &[u8],
    bytes: &'a [u8],
) -> Result<(H, &'a [u8], &'a [u8]), RecordError> {
    let (format, rest) = bytes.split_first().ok_or(RecordError::Short)?;
    if *format > FORMAT {
        return Err(RecordError::Newer(*format));
    }
    let (sum, covered) = rest.split_first_chunk().ok_or(RecordError::Short)?;
    if checksum(seal, table_key, covered) != u64::from_le_bytes(*sum) || *format != FORMAT {
        return Err(RecordError::Checksum);
    }
    let (header_length, rest) = take_length(covered)?;
    let (key_length, rest) = take_length(rest)?;
    let (header, rest) = rest
        .split_at_checked(header_length)
        .ok_or(RecordError::Short)?;
    let (key, value) = rest
        .split_at_checked(key_length)
        .ok_or(RecordError::Short)?;
    let header = serde_json::from_slice(header).map_err(|e| RecordError::Header(e.to_string()))?;
    Ok((header, key, value))
}

fn take_length(bytes: &[u8]) -> Result<(usize, &[u8]), RecordError> {
    let (length, rest) = bytes.split_first_chunk().ok_or(RecordError::Short)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| RecordError::Short)?;
    Ok((length, rest))
}

/// Whether bytes are a record that this store wrote under this table key.
pub(in crate::store::embedded) fn is_genuine(seal: Seal, table_key: &[u8], bytes: &[u8]) -> bool {
    let parts = bytes
        .split_first()
        .and_then(|(_, rest)| rest.split_first_chunk());
    parts.is_some_and(|(sum, covered)| {
        checksum(seal, table_key, covered) == u64::from_le_bytes(*sum)
    })
}

fn checksum(seal: Seal, table_key: &[u8], covered: &[u8]) -> u64 {
    xxh3(seal.0, &[table_key, covered])
}
