//! Reads fjall's journal files before fjall does, and tells a torn tail from damage.
//!
//! fjall cuts a journal off at the first byte it cannot make sense of, whatever follows, and refuses one whose last
//! batch is of the right shape but not of the right bytes. Here every batch is synced before the next one begins, so
//! there is a better rule: what is broken and last was never acknowledged, and is cut; what is broken with whole
//! batches after it was acknowledged, and is refused.
//!
//! A journal is a row of batches (fjall 3, `src/journal/entry.rs`), numbers little-endian, zeros after the last:
//!
//! ```text
//! start  1, number of items u32, sequence number u64
//! item   2, kind u8, compression u8, table u64, length of key u16, of value u32, stored u32, key, value
//! end    3, xxh3-64 of all items u64, "FJL\x03"
//! ```

use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

use super::record::{self, Seal};

/// fjall's number for the table of records: the first one made.
const TABLE: u64 = 1;

/// fjall's number for a value, as against a deletion.
const VALUE: u8 = 0;

/// The trailer of a batch.
const TRAILER: [u8; 4] = *b"FJL\x03";

/// The most that sequence numbers jump between two batches. Flushes and compactions take a few each.
const SEQUENCE_JUMP: u64 = 1 << 32;

/// A whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Batch {
    sequence: u64,
    bytes: u64,
    /// The highest revision among its records.
    revision: Option<u64>,
}

/// What a journal's end looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing but zeros after the last batch.
    Clean,
    /// Bytes that are no whole batch, with no batch after them.
    Torn,
    /// A whole batch begins at this offset, after bytes that are none.
    Followed(u64),
}

/// A journal, read through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Journal {
    /// Where the last whole batch ends, in bytes from the beginning.
    pub(super) whole: u64,
    /// What comes after.
    pub(super) tail: Tail,
    /// The last batch's sequence number, or that of an earlier journal.
    pub(super) sequence: Option<u64>,
    /// The highest revision among the records.
    pub(super) revision: Option<u64>,
}

/// Reads a journal of `length` bytes. `sequence` is where the journal before it ended.
pub(super) fn scan(
    mut input: impl Read,
    length: u64,
    seal: Seal,
    sequence: Option<u64>,
) -> io::Result<Journal> {
    let mut journal = Journal {
        whole: 0,
        tail: Tail::Clean,
        sequence,
        revision: None,
    };
    // What was read since the last whole batch: the tail begins with it.
    let mut kept = Vec::new();
    loop {
        kept.clear();
        let mut keeping = Keeping {
            input: &mut input,
            kept: &mut kept,
        };
        let left = length.saturating_sub(journal.whole);
        match read_batch(&mut keeping, left)? {
            Some(batch) if follows(&batch, journal.sequence) => {
                journal.whole += batch.bytes;
                journal.sequence = Some(batch.sequence);
                journal.revision = journal.revision.max(batch.revision);
            }
            Some(_) | None => break,
        }
    }
    let skipped = skip_zeros(&mut input, &mut kept)?;
    journal.tail = examine_tail(&kept, journal.whole + skipped, seal);
    Ok(journal)
}

/// Reads the rest of a journal onto `kept`, less the zeros in front, and says how many those were. fjall makes its
/// journals 64 MiB long beforehand, so there can be many.
fn skip_zeros(input: &mut impl Read, kept: &mut Vec<u8>) -> io::Result<u64> {
    let zeros = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let mut skipped = 0;
    let mut buffer = vec![0; 1 << 16];
    while zeros(kept) {
        skipped += u64::try_from(kept.len()).unwrap_or(u64::MAX);
        kept.clear();
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok(skipped);
        }
        kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    input.read_to_end(kept)?;
    Ok(skipped)
}

/// A later batch has a higher sequence number. The number itself is not under the batch's checksum.
fn follows(batch: &Batch, last: Option<u64>) -> bool {
    last.is_none_or(|last| {
        batch
            .sequence
            .checked_sub(last)
            .is_some_and(|jump| (1..SEQUENCE_JUMP).contains(&jump))
    })
}

/// Looks for a whole batch in what follows the last one. `offset` is where `tail` begins.
fn examine_tail(tail: &[u8], mut offset: u64, seal: Seal) -> Tail {
    if tail.is_empty() {
        return Tail::Clean;
    }
    let mut rest = tail;
    while !rest.is_empty() {
        if is_our_batch(rest, seal) {
            return Tail::Followed(offset);
        }
        rest = rest.get(1..).unwrap_or_default();
        offset += 1;
    }
    Tail::Torn
}

/// Whether bytes begin with a whole batch that this store wrote. A torn batch can hold a value that looks like a
/// batch, but not one with our seal.
fn is_our_batch(bytes: &[u8], seal: Seal) -> bool {
    let left = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    first_record(bytes).is_some_and(|(key, value)| record::is_genuine(seal, key, value))
        && matches!(read_batch(&mut &*bytes, left), Ok(Some(_)))
}

/// The first record of what has the outline of a batch. Walks over lengths without summing, because in a value made
/// for the purpose every byte could begin one.
fn first_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[1, c0, c1, c2, c3, ..], mut rest) = bytes.split_first_chunk::<13>()? else {
        return None;
    };
    let mut first = None;
    for _ in 0..u32::from_le_bytes([c0, c1, c2, c3]) {
        let (head, after) = rest.split_first_chunk()?;
        let head = item_head(head)?;
        let (key, after) = after.split_at_checked(usize::from(head.key))?;
        let (value, after) = after.split_at_checked(usize::try_from(head.value).ok()?)?;
        if head.kind == VALUE && first.is_none() {
            first = Some((key, value));
        }
        rest = after;
    }
    let (end, _) = rest.split_first_chunk::<13>()?;
    first.filter(|_| end.starts_with(&[3]) && end.ends_with(&TRAILER))
}

/// What stands before an item's key and value.
struct ItemHead {
    kind: u8,
    key: u16,
    value: u32,
}

fn item_head(head: &[u8; 21]) -> Option<ItemHead> {
    let [2, kind, 0, rest @ ..] = head else {
        return None;
    };
    let (table, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_first_chunk()?;
    let (value, stored) = rest.split_first_chunk()?;
    let ours = u64::from_le_bytes(*table) == TABLE && value == stored;
    ours.then_some(ItemHead {
        kind: *kind,
        key: u16::from_le_bytes(*key),
        value: u32::from_le_bytes(*value),
    })
}

/// Reads one batch; `None` where there is no whole one. `left` is the most bytes it can have.
fn read_batch(input: &mut impl Read, left: u64) -> io::Result<Option<Batch>> {
    match parse_batch(input, left) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        other => other,
    }
}

fn parse_batch(input: &mut impl Read, left: u64) -> io::Result<Option<Batch>> {
    let [1, items @ .., s0, s1, s2, s3, s4, s5, s6, s7] = take::<13>(input)? else {
        return Ok(None);
    };
    let mut batch = Batch {
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
    batch: &mut Batch,
    sum: &mut Xxh3,
) -> io::Result<bool> {
    let bytes = take::<21>(input)?;
    let Some(head) = item_head(&bytes) else {
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
    if head.kind == VALUE {
        let revision = record::revision_of(&name).map(|at| at.main).ok();
        batch.revision = batch.revision.max(revision);
    }
    Ok(true)
}

/// Takes bytes into the checksum without holding them all.
fn copy(
    input: &mut impl Read,
    bytes: u64,
    sum: &mut Xxh3,
    mut see: impl FnMut(&[u8]),
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
        see(part);
        left -= u64::try_from(most).unwrap_or(left);
    }
    Ok(())
}

fn take<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Keeps a copy of what is read through it.
struct Keeping<'a, R> {
    input: &'a mut R,
    kept: &'a mut Vec<u8>,
}

impl<R: Read> Read for Keeping<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.kept
            .extend_from_slice(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
