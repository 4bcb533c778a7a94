//! One journal file, scanned from its first batch to its end.

use std::io::{self, Read};

use super::batch::{JournalBatch, is_our_batch, read_batch};
use crate::store::embedded::record::Seal;

/// The most that sequence numbers grow between two batches. Flushes and compactions use up a few each.
const SEQUENCE_JUMP: u64 = 1 << 32;

/// The bytes after a journal's last whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Only zeros.
    Clean,
    /// Bytes that are no whole batch, with no batch after them.
    Torn,
    /// Bytes that are no batch, and after them, at this offset, a whole batch.
    Followed(u64),
}

/// The result of scanning a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JournalScan {
    /// The end of the last whole batch, in bytes from the beginning.
    pub(super) whole: u64,
    /// The bytes after it.
    pub(super) tail: Tail,
    /// The last batch's sequence number, or that of an earlier journal.
    pub(super) sequence: Option<u64>,
    /// The highest revision among the records.
    pub(super) revision: Option<u64>,
}

/// Scans a journal of `length` bytes. `sequence` is the last sequence number of the journal before it.
pub(super) fn scan(
    mut input: impl Read,
    length: u64,
    seal: Seal,
    sequence: Option<u64>,
) -> io::Result<JournalScan> {
    let mut journal = JournalScan {
        whole: 0,
        tail: Tail::Clean,
        sequence,
        revision: None,
    };
    // The bytes read since the last whole batch: the tail begins with them.
    let mut buffered = Vec::new();
    loop {
        buffered.clear();
        let mut copying = CopyingReader {
            input: &mut input,
            buffered: &mut buffered,
        };
        let left = length.saturating_sub(journal.whole);
        match read_batch(&mut copying, left)? {
            Some(batch) if follows(&batch, journal.sequence) => {
                journal.whole += batch.bytes;
                journal.sequence = Some(batch.sequence);
                journal.revision = journal.revision.max(batch.revision);
            }
            Some(_) | None => break,
        }
    }
    let skipped = skip_zeros(&mut input, &mut buffered)?;
    journal.tail = examine_tail(&buffered, journal.whole + skipped, seal);
    Ok(journal)
}

/// Appends the rest of a journal to `buffered`, without the leading zeros, and returns the number of those. Journals
/// are files of zeros at first, so there can be many.
fn skip_zeros(input: &mut impl Read, buffered: &mut Vec<u8>) -> io::Result<u64> {
    let zeros = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let mut skipped = 0;
    let mut buffer = vec![0; 1 << 16];
    while zeros(buffered) {
        skipped += u64::try_from(buffered.len()).unwrap_or(u64::MAX);
        buffered.clear();
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok(skipped);
        }
        buffered.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    input.read_to_end(buffered)?;
    Ok(skipped)
}

/// Whether a batch is later than the last one, by its sequence number, which the batch's checksum does not cover.
fn follows(batch: &JournalBatch, last: Option<u64>) -> bool {
    last.is_none_or(|last| {
        batch
            .sequence
            .checked_sub(last)
            .is_some_and(|jump| (1..SEQUENCE_JUMP).contains(&jump))
    })
}

/// Searches the bytes after the last whole batch for another one. `offset` is where `tail` begins.
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

/// A reader that keeps a copy of the bytes read.
struct CopyingReader<'a, R> {
    input: &'a mut R,
    buffered: &'a mut Vec<u8>,
}

impl<R: Read> Read for CopyingReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.buffered
            .extend_from_slice(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
