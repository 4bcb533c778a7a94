//! Tests of journals that are whole, torn or changed.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use xxhash_rust::xxh3::Xxh3;

use super::batch::{TABLE, TRAILER, VALUE};
use super::scan::{JournalScan, Tail, scan};
use super::{encode, read_all};
use crate::model::{Cause, Change, Commit, Entry, Key, Record, Revision};
use crate::store::embedded::record::{self, Seal};
use crate::store::embedded::write_batch::WriteBatch;

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
        item.extend_from_slice(&key);
        item.extend_from_slice(&row);
        sum.update(&item);
        out.extend(item);
    }
    out.push(3);
    out.extend(sum.digest().to_le_bytes());
    out.extend(TRAILER);
    out
}

fn row(seal: Seal, revision: u64, value: &[u8]) -> record::TableRow {
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
    let rows = record::rows(seal, &commit, record::EntriesDigest::default());
    rows.unwrap().swap_remove(0)
}

fn read(bytes: &[u8]) -> JournalScan {
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
fn a_batch_cut_short_anywhere_is_a_torn_tail() {
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
fn a_flipped_bit_before_the_last_batch_is_never_a_torn_tail() {
    let batches = three();
    let bytes = batches.concat();
    let last = bytes.len() - batches[2].len();
    for offset in 0..last {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[offset] ^= 1 << bit;
            let journal = read(&bytes);
            // A sequence number that still lies between its neighbours' changes nothing.
            let harmless = journal.tail == Tail::Clean && journal.revision == Some(4);
            let noticed = matches!(journal.tail, Tail::Followed(_));
            assert!(
                harmless || noticed,
                "bit {bit} of byte {offset}: {journal:?}"
            );
            assert!(
                !harmless
                    || (5..13).contains(&offset)
                    || (5..13).contains(&(offset - batches[0].len()))
            );
        }
    }
}

#[test]
fn an_erased_page_in_the_middle_is_detected() {
    let batches = three();
    let mut bytes = batches.concat();
    let (from, to) = (batches[0].len(), batches[0].len() + batches[1].len());
    bytes[from..to].fill(0);
    let followed = Tail::Followed(u64::try_from(to).unwrap());
    assert_eq!(read(&bytes).tail, followed);
}

/// Otherwise a client could keep a gateway that was killed in the middle of such a write from starting again.
#[test]
fn a_torn_batch_whose_value_looks_like_a_journal_is_a_torn_tail() {
    let before = three().concat();
    let copy = sealed(Seal(1), 11, &[6, 7], b"as if it were the next");
    let torn = batch(10, &[5], &[copy, vec![0xee; 500]].concat());
    let bytes = [&before[..], &torn[..torn.len() - 100]].concat();
    let journal = read(&bytes);
    assert_eq!(journal.tail, Tail::Torn);
    assert_eq!(journal.whole, u64::try_from(before.len()).unwrap());
}

#[test]
fn a_batch_out_of_order_is_detected() {
    let bytes = [batch(5, &[1], b"one"), batch(5, &[2], b"two")].concat();
    assert!(matches!(read(&bytes).tail, Tail::Followed(_)));
    let bytes = batch(5, &[1], b"one");
    let length = u64::try_from(bytes.len()).unwrap();
    let journal = scan(&bytes[..], length, SEAL, Some(5)).unwrap();
    assert_eq!((journal.whole, journal.tail), (0, Tail::Followed(0)));
}

#[test]
fn what_is_encoded_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let (rows, gone) = (
        [row(SEAL, 7, b"seven"), row(SEAL, 8, b"")],
        Revision::new(3, 2),
    );
    let batch = WriteBatch {
        put: rows.to_vec(),
        remove: vec![gone],
        list: None,
    };
    let mut bytes = Vec::new();
    encode(&batch, 4, &mut bytes).unwrap();
    let journal = read(&bytes);
    let length = u64::try_from(bytes.len()).unwrap();
    assert_eq!((journal.whole, journal.tail), (length, Tail::Clean));
    assert_eq!((journal.sequence, journal.revision), (Some(4), Some(8)));
    bytes.resize(5000, 0);
    std::fs::write(directory.path().join("5.jnl"), &bytes).unwrap();
    let found = read_all(directory.path(), SEAL).unwrap().pop().unwrap();
    assert_eq!(
        (found.number, found.whole, found.sequence),
        (5, length, Some(4))
    );
    let mut expected: Vec<_> = rows.map(|(key, value)| (key, Some(value))).to_vec();
    expected.push((record::change_key(gone).into(), None));
    assert_eq!(found.rows, expected);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
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
