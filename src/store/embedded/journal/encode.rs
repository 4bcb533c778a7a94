//! A batch encoded for a journal.

use xxhash_rust::xxh3::xxh3_64;

use super::batch::{LIST, REMOVED, TABLE, TRAILER, VALUE};
use crate::store::embedded::record::change_key;
use crate::store::embedded::write_batch::WriteBatch;

/// The bytes before a batch's items, and after them.
const FRAME: usize = 13;

/// The bytes of an item before its key.
const ITEM: usize = 21;

/// The bytes of a change's key.
const CHANGE_KEY: usize = 13;

/// Encodes a batch into a buffer, which then holds nothing else.
pub(in crate::store::embedded) fn encode(
    batch: &WriteBatch,
    sequence: u64,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let too_long = |_| "a batch is too long for a journal".to_owned();
    let lists = batch.list.iter().map(|list| &list.row);
    let rows = lists.clone().chain(&batch.put);
    let items = rows.clone().count().saturating_add(batch.remove.len());
    out.clear();
    // A wide batch has tens of megabytes: they are not moved while it grows.
    let puts = rows.map(|(key, value)| key.len() + value.len());
    out.reserve(2 * FRAME + items * (ITEM + CHANGE_KEY) + puts.sum::<usize>());
    out.push(1);
    out.extend_from_slice(&u32::try_from(items).map_err(too_long)?.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    let start = out.len();
    let mut item = |kind: u8, key: &[u8], value: &[u8]| {
        let length = u32::try_from(value.len()).map_err(too_long)?.to_le_bytes();
        out.extend_from_slice(&[2, kind, 0]);
        out.extend_from_slice(&TABLE.to_le_bytes());
        out.extend_from_slice(&u16::try_from(key.len()).map_err(too_long)?.to_le_bytes());
        out.extend_from_slice(&length);
        out.extend_from_slice(&length);
        out.extend_from_slice(key);
        out.extend_from_slice(value);
        Ok::<(), String>(())
    };
    for (key, value) in lists {
        item(LIST, key, value)?;
    }
    for (key, value) in &batch.put {
        item(VALUE, key, value)?;
    }
    for at in &batch.remove {
        item(REMOVED, &change_key(*at), &[])?;
    }
    let sum = xxh3_64(out.get(start..).unwrap_or_default());
    out.push(3);
    out.extend_from_slice(&sum.to_le_bytes());
    out.extend_from_slice(&TRAILER);
    Ok(())
}
