//! One batch of a journal.
//!
//! A journal is a sequence of batches, in the format of fjall's own journals (fjall 3, `src/journal/entry.rs`), because those
//! of the layout before are fjall's. Numbers are little-endian, and there are zeros after the last batch:
//!
//! ```text
//! start  1, number of items u32, sequence number u64
//! item   2, kind u8, compression u8, table u64, length of key u16, of value u32, stored u32, key, value
//! end    3, xxh3-64 of all items u64, "FJL\x03"
//! ```

use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

use crate::store::embedded::record::{self, Seal};

/// fjall's number for the table of records: the first one made.
pub(super) const TABLE: u64 = 1;

/// fjall's number for a value; a deletion has another.
pub(super) const VALUE: u8 = 0;

/// fjall's number for a deletion.
pub(super) const REMOVED: u8 = 1;

/// A commit whose changes are in a list: no kind of fjall's.
pub(super) const LIST: u8 = 255;

/// The trailer of a batch.
pub(super) const TRAILER: [u8; 4] = *b"FJL\x03";

/// A whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JournalBatch {
    /// The sequence number.
    pub(super) sequence: u64,
    /// The length.
    pub(super) bytes: u64,
    /// The highest revision among the batch's records.
    pub(super) revision: Option<u64>,
}

/// Whether bytes begin with a whole batch that this store wrote. A torn batch can hold a value that looks like a
/// batch, but not one with our seal.
pub(super) fn is_our_batch(bytes: &[u8], seal: Seal) -> bool {
    let left = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    first_record(bytes).is_some_and(|(key, value)| record::is_genuine(seal, key, value))
        && matches!(read_batch(&mut &*bytes, left), Ok(Some(_)))
}

/// The first record of bytes that have the outline of a batch. Walks over the lengths without a checksum, because in a
/// value made for the purpose every byte could begin a batch.
fn first_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut first = None;
    walk(bytes, |kind, key, value| {
        if matches!(kind, VALUE | LIST) && first.is_none() {
            first = Some((key, value));
        }
    })?;
    first
}

/// The kind, key and value of an item.
pub(super) type BatchItem<'a> = (u8, &'a [u8], &'a [u8]);

/// The items of the batch that these bytes begin with, whose checksum is known to be right, and the bytes after it.
pub(super) fn batch_items(bytes: &[u8]) -> Option<(Vec<BatchItem<'_>>, &[u8])> {
    let mut items = Vec::new();
    let rest = walk(bytes, |kind, key, value| items.push((kind, key, value)))?;
    Some((items, rest))
}

/// Passes the items of the batch that these bytes have the outline of to `visit`; returns the bytes after it.
fn walk<'a>(bytes: &'a [u8], mut visit: impl FnMut(u8, &'a [u8], &'a [u8])) -> Option<&'a [u8]> {
    let (&[1, c0, c1, c2, c3, ..], mut rest) = bytes.split_first_chunk::<13>()? else {
        return None;
    };
    for _ in 0..u32::from_le_bytes([c0, c1, c2, c3]) {
        let (head, after) = rest.split_first_chunk()?;
        let head = item_header(head)?;
        let (key, after) = after.split_at_checked(usize::from(head.key))?;
        let (value, after) = after.split_at_checked(usize::try_from(head.value).ok()?)?;
        visit(head.kind, key, value);
        rest = after;
    }
    let (end, rest) = rest.split_first_chunk::<13>()?;
    (end.starts_with(&[3]) && end.ends_with(&TRAILER)).then_some(rest)
}

/// The fields before an item's key and value.
struct ItemHeader {
    kind: u8,
    key: u16,
    value: u32,
}

fn item_header(head: &[u8; 21]) -> Option<ItemHeader> {
    let [2, kind, 0, rest @ ..] = head else {
        return None;
    };
    let (table, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_first_chunk()?;
    let (value, stored) = rest.split_first_chunk()?;
    let is_ours = u64::from_le_bytes(*table) == TABLE && value == stored;
    is_ours.then_some(ItemHeader {
        kind: *kind,
        key: u16::from_le_bytes(*key),
        value: u32::from_le_bytes(*value),
    })
}

/// Reads one batch; `None` if there is no whole one. `left` is the most bytes it can have.
pub(super) fn read_batch(input: &mut impl Read, left: u64) -> io::Result<Option<JournalBatch>> {
    match parse_batch(input, left) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        other => other,
    }
}

fn parse_batch(input: &mut impl Read, left: u64) -> io::Result<Option<JournalBatch>> {
    let [1, items @ .., s0, s1, s2, s3, s4, s5, s6, s7] = take::<13>(input)? else {
        return Ok(None);
    };
    let mut batch = JournalBatch {
        sequence: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
        bytes: 13,
        revision: None,
    };
    let items = u32::from_le_bytes(items);
    let mut sum = Xxh3::new();
    for _ in 0..items {
        if !parse_item(input, left, &mut batch, &mut sum)? {
            return Ok(None);
        }
    }
    let [3, checksum @ .., t0, t1, t2, t3] = take::<13>(input)? else {
        return Ok(None);
    };
    batch.bytes += 13;
    let whole =
        items > 0 && [t0, t1, t2, t3] == TRAILER && u64::from_le_bytes(checksum) == sum.digest();
    Ok(whole.then_some(batch))
}

fn parse_item(
    input: &mut impl Read,
    left: u64,
    batch: &mut JournalBatch,
    sum: &mut Xxh3,
) -> io::Result<bool> {
    let bytes = take::<21>(input)?;
    let Some(head) = item_header(&bytes) else {
        return Ok(false);
    };
    let (key, value) = (u64::from(head.key), u64::from(head.value));
    batch.bytes += 21 + key + value;
    if batch.bytes > left {
        return Ok(false);
    }
    sum.update(&bytes);
    let mut name = Vec::new();
    copy(input, key, sum, |part| name.extend_from_slice(part))?;
    copy(input, value, sum, |_| {})?;
    if matches!(head.kind, VALUE | LIST) {
        let revision = record::revision_of_key(&name).map(|at| at.main).ok();
        batch.revision = batch.revision.max(revision);
    }
    Ok(true)
}

/// Adds bytes to the checksum without holding all of them.
fn copy(
    input: &mut impl Read,
    bytes: u64,
    sum: &mut Xxh3,
    mut visit: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut left = bytes;
    let mut buffer = [0; 4096];
    while left > 0 {
        let most = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let part = buffer.get_mut(..most).unwrap_or_default();
        input.read_exact(part)?;
        sum.update(part);
        visit(part);
        left -= u64::try_from(most).unwrap_or(left);
    }
    Ok(())
}

fn take<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}
