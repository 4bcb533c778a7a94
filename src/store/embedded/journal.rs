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
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Cause, Change, Commit, Entry, Key, Record, Revision};

    const SEAL: Seal = Seal(42);

    /// A batch of one record a revision, as fjall writes it.
    fn batch(sequence: u64, revisions: &[u64], value: &[u8]) -> Vec<u8> {
        sealed(SEAL, sequence, revisions, value)
    }

    fn sealed(seal: Seal, sequence: u64, revisions: &[u64], value: &[u8]) -> Vec<u8> {
        let mut out = vec![1];
        out.extend(u32::try_from(revisions.len()).unwrap().to_le_bytes());
        out.extend(sequence.to_le_bytes());
        let mut sum = Xxh3::new();
        for revision in revisions {
            let (key, row) = row(seal, *revision, value);
            let length = u32::try_from(row.len()).unwrap().to_le_bytes();
            let mut item = vec![2, VALUE, 0];
            item.extend(TABLE.to_le_bytes());
            item.extend(u16::try_from(key.len()).unwrap().to_le_bytes());
            item.extend(length);
            item.extend(length);
            item.extend(key);
            item.extend(row);
            sum.update(&item);
            out.extend(item);
        }
        out.push(3);
        out.extend(sum.digest().to_le_bytes());
        out.extend(TRAILER);
        out
    }

    fn row(seal: Seal, revision: u64, value: &[u8]) -> record::Row {
        let record = Record {
            value: Bytes::copy_from_slice(value),
            ..Record::default()
        };
        let modified = Revision::new(revision, 0);
        let commit = Commit {
            revision,
            cause: Cause::Set,
            subject: None,
            changes: vec![Change {
                key: Key::user("k"),
                now: Some(Arc::new(Entry { record, modified })),
                before: None,
            }],
        };
        let rows = record::rows(seal, &commit, record::State::default());
        rows.unwrap().swap_remove(0)
    }

    fn read(bytes: &[u8]) -> Journal {
        scan(bytes, u64::try_from(bytes.len()).unwrap(), SEAL, None).unwrap()
    }

    fn three() -> Vec<Vec<u8>> {
        vec![
            batch(4, &[1], b"one"),
            batch(5, &[2, 3], b"two and three"),
            batch(9, &[4], b"four"),
        ]
    }

    #[test]
    fn whole_batches_are_read_to_the_zeros() {
        let mut bytes = three().concat();
        let whole = u64::try_from(bytes.len()).unwrap();
        bytes.extend([0; 1000]);
        let journal = read(&bytes);
        assert_eq!((journal.whole, journal.tail), (whole, Tail::Clean));
        assert_eq!((journal.sequence, journal.revision), (Some(9), Some(4)));
    }

    #[test]
    fn a_batch_that_was_being_written_is_a_torn_tail_wherever_it_stops() {
        let batches = three();
        let before = batches[..2].concat();
        for length in 1..batches[2].len() {
            let mut bytes = before.clone();
            bytes.extend(&batches[2][..length]);
            for zeros in [0, 500] {
                bytes.resize(bytes.len() + zeros, 0);
                let journal = read(&bytes);
                assert_eq!(journal.whole, u64::try_from(before.len()).unwrap());
                assert_eq!(journal.tail, Tail::Torn, "{length} bytes, {zeros} zeros");
                assert_eq!(journal.revision, Some(3));
            }
        }
    }

    #[test]
    fn no_flipped_bit_before_the_last_batch_is_taken_for_a_torn_tail() {
        let batches = three();
        let bytes = batches.concat();
        let last = bytes.len() - batches[2].len();
        for place in 0..last {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[place] ^= 1 << bit;
                let journal = read(&bytes);
                // A sequence number that still lies between its neighbours' changes nothing.
                let harmless = journal.tail == Tail::Clean && journal.revision == Some(4);
                let noticed = matches!(journal.tail, Tail::Followed(_));
                assert!(
                    harmless || noticed,
                    "bit {bit} of byte {place}: {journal:?}"
                );
                assert!(
                    !harmless
                        || (5..13).contains(&place)
                        || (5..13).contains(&(place - batches[0].len()))
                );
            }
        }
    }

    #[test]
    fn an_erased_page_in_the_middle_is_noticed() {
        let batches = three();
        let mut bytes = batches.concat();
        let (from, to) = (batches[0].len(), batches[0].len() + batches[1].len());
        bytes[from..to].fill(0);
        let followed = Tail::Followed(u64::try_from(to).unwrap());
        assert_eq!(read(&bytes).tail, followed);
    }

    /// Else a client could keep a gateway from starting after it was killed in the middle of such a write.
    #[test]
    fn a_torn_batch_is_cut_although_its_value_looks_like_a_journal() {
        let before = three().concat();
        let copy = sealed(Seal(1), 11, &[6, 7], b"as if it were the next");
        let torn = batch(10, &[5], &[copy, vec![0xee; 500]].concat());
        let bytes = [&before[..], &torn[..torn.len() - 100]].concat();
        let journal = read(&bytes);
        assert_eq!(journal.tail, Tail::Torn);
        assert_eq!(journal.whole, u64::try_from(before.len()).unwrap());
    }

    #[test]
    fn a_batch_out_of_order_is_noticed() {
        let bytes = [batch(5, &[1], b"one"), batch(5, &[2], b"two")].concat();
        assert!(matches!(read(&bytes).tail, Tail::Followed(_)));
        let bytes = batch(5, &[1], b"one");
        let length = u64::try_from(bytes.len()).unwrap();
        let journal = scan(&bytes[..], length, SEAL, Some(5)).unwrap();
        assert_eq!((journal.whole, journal.tail), (0, Tail::Followed(0)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let journal = read(&bytes);
            prop_assert!(journal.whole <= u64::try_from(bytes.len()).unwrap());
        }

        #[test]
        fn arbitrary_bytes_after_whole_batches_are_a_tail(bytes in prop::collection::vec(any::<u8>(), 1..500)) {
            let mut journal = three().concat();
            let whole = u64::try_from(journal.len()).unwrap();
            journal.extend(bytes);
            prop_assert_eq!(read(&journal).whole, whole);
        }
    }
}
