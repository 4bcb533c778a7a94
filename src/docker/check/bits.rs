//! Bit sequences: `bitseq.Handle.UnmarshalJSON` and `FromByteArray`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fields::{map, text};
use super::{Checked, CheckedRecord};
use crate::docker::BitSequence;
use crate::docker::go_value::{GoValue, unknown_fields};
use crate::docker::record_fault::RecordFault;

/// The bytes of a header and one run.
const SHORTEST: usize = 28;

pub(super) fn check(id: &str, bytes: &[u8]) -> Result<Checked, RecordFault> {
    const NAME: &str = "sequence";
    let record = map(bytes)?;
    if text(&record, "id")? != id {
        return Err(RecordFault::OtherId);
    }
    let encoded = record.get(NAME).and_then(GoValue::as_text);
    let encoded = encoded.ok_or(RecordFault::Undecodable(NAME))?;
    let undecodable = |_| RecordFault::Undecodable(NAME);
    let bytes = STANDARD.decode(encoded).map_err(undecodable)?;
    if bytes.len() < SHORTEST {
        return Err(RecordFault::ShortSequence);
    }
    let sequence = BitSequence::from_bytes(&bytes).map_err(|_| RecordFault::Undecodable(NAME))?;
    if sequence.has_empty_run() {
        return Err(RecordFault::EmptyRun);
    }
    if !sequence.has_its_length() {
        return Err(RecordFault::WrongLength);
    }
    Ok(Checked {
        record: CheckedRecord::Bits(sequence),
        unknown: unknown_fields(&record, &["id", NAME]),
    })
}
