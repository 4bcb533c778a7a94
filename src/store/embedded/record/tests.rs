use proptest::prelude::*;

use super::*;
use crate::model::{Deadline, DirMark, LeaseId, Mark};

/// A commit with one change of each kind.
fn commit() -> Commit {
    let entry = |revision, value: &'static str, attrs| {
        Arc::new(Entry {
            record: Record {
                value: Bytes::from_static(value.as_bytes()),
                attrs,
            },
            modified: revision,
        })
    };
    let attrs = Attrs {
        flags: u64::MAX,
        version: 3,
        ctime_ms: 1_700_000_000_000,
        mtime_ms: 1_700_000_000_500,
        created: Mark::At(2),
        placed: Mark::ThisWrite,
        dir: DirMark::Made,
        lock: Some(LeaseId(1)),
        lock_index: 4,
        bound: Some(LeaseId(2)),
        deadline: Some(Deadline {
            at_ms: 1_700_000_060_000,
            ttl_ms: 60_000,
        }),
        other: std::iter::once(("acl".to_owned(), serde_json::json!(["world"]))).collect(),
    };
    let old = entry(Revision::new(2, 0), "old", Attrs::default());
    Commit {
        revision: 300,
        cause: Cause::CompareAndSwap,
        subject: Some(Key::user(b"a\xff/")),
        changes: vec![
            Change {
                key: Key::user(b"a\xff/b"),
                now: Some(entry(Revision::new(300, 0), "value\0", attrs)),
                before: Some(Arc::clone(&old)),
            },
            Change {
                key: Key::system("lease"),
                now: None,
                before: Some(old),
            },
        ],
    }
}

const SEAL: Seal = Seal(0xfeed_beef);

const STATE: State = State {
    entries: 7,
    sum: u64::MAX,
};

fn all_rows() -> Vec<Row> {
    let mut rows = rows(SEAL, &commit(), STATE).unwrap();
    let empty = Commit {
        revision: 301,
        cause: Cause::Set,
        subject: None,
        changes: Vec::new(),
    };
    rows.extend(super::rows(SEAL, &empty, STATE).unwrap());
    let about = About {
        identity: 0x0123_4567_89ab_cdef,
        history_floor: 299,
        deletions_floor: 200,
    };
    rows.push(about_row(SEAL, &about).unwrap());
    rows
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// The file holds what format 1 looked like on the day it was fixed. If this fails, the format has changed: raise
/// `FORMAT`, keep reading the old one, and add a file.
#[test]
fn format_1_is_as_it_was_fixed() {
    let golden = include_str!("format_1.golden");
    let lines: Vec<_> = golden
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let rows = all_rows();
    let written: Vec<_> = rows
        .iter()
        .map(|(key, value)| format!("{} {}", hex(key), hex(value)))
        .collect();
    assert_eq!(written, lines);
}

#[test]
fn what_is_written_is_read_back() {
    let commit = commit();
    let rows = all_rows();
    let step = |row: &Row| read_change(SEAL, &row.0, &row.1).unwrap();
    let (put, delete, nothing) = (step(&rows[0]), step(&rows[1]), step(&rows[2]));
    let now = commit.changes[0].now.clone().unwrap();
    assert_eq!(put.what, What::Put(commit.changes[0].key.clone(), now));
    assert_eq!(
        (put.at, put.before),
        (Revision::new(300, 0), Some(Revision::new(2, 0)))
    );
    let head = put.head.unwrap();
    assert_eq!(
        (head.cause, head.changes, head.state),
        (commit.cause, 2, STATE)
    );
    assert_eq!(head.subject(), commit.subject);
    assert_eq!(delete.what, What::Delete(Key::system("lease")));
    assert_eq!((delete.at, delete.head), (Revision::new(300, 1), None));
    assert_eq!(nothing.what, What::Nothing);
    assert_eq!(read_about(SEAL, &rows[3].1).unwrap().history_floor, 299);
}

#[test]
fn no_changed_bit_is_taken_for_a_record() {
    for (key, value) in &all_rows() {
        for place in 0..value.len() {
            for bit in 0..8 {
                let mut value = value.clone();
                value[place] ^= 1 << bit;
                read_change(SEAL, key, &value).unwrap_err();
            }
        }
    }
}

#[test]
fn a_record_in_anothers_place_or_store_is_refused() {
    let rows = all_rows();
    let other = read_change(SEAL, &rows[1].0, &rows[0].1);
    assert_eq!(other, Err(RecordError::Checksum));
    assert_eq!(read_about(SEAL, &rows[0].1), Err(RecordError::Checksum));
    let stranger = read_change(Seal(1), &rows[0].0, &rows[0].1);
    assert_eq!(stranger, Err(RecordError::Checksum));
    assert_eq!(revision_of(b"\x01short"), Err(RecordError::TableKey));
}

#[test]
fn a_newer_format_is_named() {
    let (key, mut value) = all_rows().swap_remove(0);
    value[0] = 2;
    let error = read_change(SEAL, &key, &value).unwrap_err();
    assert_eq!(
        error.to_string(),
        "format 2 is newer than this kubekv, which reads up to 1"
    );
}

#[test]
fn the_digest_comes_back_when_a_change_is_undone() {
    let (a, b) = (Key::user("a"), Key::system("a"));
    let (first, second) = (Revision::new(1, 0), Revision::new(2, 0));
    let mut state = State::default();
    state.apply(&a, None, Some(first));
    let one = state;
    state.apply(&b, None, Some(second));
    state.apply(&a, Some(first), Some(second));
    assert_ne!(state.sum, one.sum);
    state.apply(&a, Some(second), Some(first));
    state.apply(&b, Some(second), None);
    assert_eq!(state, one);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_never_a_record(key in any::<Vec<u8>>(), value in any::<Vec<u8>>()) {
        prop_assert!(read_change(SEAL, &key, &value).is_err());
        prop_assert!(read_about(SEAL, &value).is_err());
    }

    /// Bytes with a right checksum: what is left to decide is not theirs to panic on.
    #[test]
    fn arbitrary_contents_are_read_without_harm(
        lengths in any::<[u8; 8]>(), small in any::<bool>(), rest in any::<Vec<u8>>(),
    ) {
        let key = change_key(Revision::new(1, 0));
        let mut covered = lengths.to_vec();
        if small {
            for place in [1, 2, 3, 5, 6, 7] {
                covered[place] = 0;
            }
        }
        covered.extend(rest);
        let mut sum = xxhash_rust::xxh3::Xxh3::with_seed(SEAL.0);
        sum.update(&key);
        sum.update(&covered);
        let mut value = vec![frame::FORMAT];
        value.extend(sum.digest().to_le_bytes());
        value.extend(covered);
        drop(read_change(SEAL, &key, &value));
    }

    #[test]
    fn any_entry_comes_back(
        key in any::<Vec<u8>>(), system in any::<bool>(), value in any::<Vec<u8>>(),
        flags in any::<u64>(), times in any::<(i64, i64)>(), created in any::<Option<u64>>(),
        other in "[a-z]{1,8}", at in any::<(u64, u32)>(), before in any::<Option<(u64, u32)>>(),
    ) {
        let attrs = Attrs {
            flags,
            ctime_ms: times.0,
            mtime_ms: times.1,
            created: created.map_or(Mark::ThisWrite, Mark::At),
            other: std::iter::once((format!("x-{other}"), serde_json::json!(flags))).collect(),
            ..Attrs::default()
        };
        let at = Revision::new(at.0, at.1);
        let before = before.map(|(main, sub)| Revision::new(main, sub));
        let entry = Arc::new(Entry { record: Record { value: value.into(), attrs }, modified: at });
        let old = |modified| Arc::new(Entry { record: Record::default(), modified });
        let change = Change {
            key: Key::new(realm(system), key),
            now: Some(Arc::clone(&entry)),
            before: before.map(old),
        };
        let (table_key, row) = row(SEAL, at, &change, None).unwrap();
        let step = read_change(SEAL, &table_key, &row).unwrap();
        prop_assert_eq!(step.what, What::Put(change.key, entry));
        prop_assert_eq!((step.at, step.before), (at, before));
    }
}
