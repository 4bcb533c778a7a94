//! Tests of the bytes of records.

use proptest::prelude::*;

use super::*;
use crate::model::{AccessEntry, AccessList, Attrs, Cause, Deadline, DirMark, LeaseId, Mark};

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
        znode: None,
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

const DIGEST: EntriesDigest = EntriesDigest {
    entries: 7,
    sum: u64::MAX,
};

fn all_rows() -> Vec<TableRow> {
    let mut rows = rows(SEAL, &commit(), DIGEST).unwrap();
    let empty = Commit {
        revision: 301,
        cause: Cause::Set,
        subject: None,
        changes: Vec::new(),
    };
    rows.extend(super::rows(SEAL, &empty, DIGEST).unwrap());
    let metadata = Metadata {
        identity: 0x0123_4567_89ab_cdef,
        history_floor: 299,
        deletions_floor: 200,
        is_partial: false,
    };
    rows.push(metadata_row(SEAL, &metadata).unwrap());
    rows
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// The golden file holds format 1 as it was released. If this fails, the format has changed: raise `FORMAT`, keep
/// reading the old one, and add a golden file.
#[test]
fn format_1_is_unchanged() {
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

/// An entry with every attribute that only ZooKeeper has.
fn znode() -> Record {
    let modified = Revision::new(2, 0);
    let mut record = Record::successor(None, 1_700_000_000_000);
    record.attrs.import_versions(6, 1);
    record.attrs.set_container(true);
    record.attrs.set_childless_ttl_ms(Some(60_000));
    record.set_data(None);
    let entry = |scheme: &str, id: &str| AccessEntry {
        perms: 31,
        scheme: scheme.to_owned(),
        id: id.to_owned(),
    };
    let list = vec![entry("digest", "u:\"x"), entry("ip", "10.0.0.0/8")];
    Record::with_access(&Entry { record, modified }, AccessList::from(list))
}

#[test]
fn attributes_of_a_znode_stand_in_one_field_that_format_1_keeps() {
    let entry = Arc::new(Entry {
        record: znode(),
        modified: Revision::new(300, 0),
    });
    let change = Change {
        key: Key::user("a"),
        now: Some(Arc::clone(&entry)),
        before: None,
    };
    let (key, row) = row(SEAL, Revision::new(300, 0), &change, None, &mut Vec::new()).unwrap();
    let (header, ..): (serde_json::Value, _, _) = unframe(SEAL, &key, &row).unwrap();
    let acl = serde_json::json!([
        {"perms": 31, "scheme": "digest", "id": "u:\"x"},
        {"perms": 31, "scheme": "ip", "id": "10.0.0.0/8"},
    ]);
    let attrs = serde_json::json!({
        "version": 6, "ctime_ms": 1_700_000_000_000_i64, "mtime_ms": 1_700_000_000_000_i64,
        "created": {"at": 2}, "placed": {"at": 2},
        "znode": {"acl": acl, "aversion": 2, "data": {"version": 6, "revision": 2}, "null": 6,
            "container": true, "ttl_ms": 60_000, "imported_version": 6},
    });
    assert_eq!(header["attrs"], attrs);
    let read = read_change(SEAL, &key, &row).unwrap();
    assert_eq!(read.effect, ChangeEffect::Put(change.key, entry));
}

#[test]
fn a_decoded_commit_equals_the_encoded_one() {
    let commit = commit();
    let rows = all_rows();
    let read = |row: &TableRow| read_change(SEAL, &row.0, &row.1).unwrap();
    let (put, delete, nothing) = (read(&rows[0]), read(&rows[1]), read(&rows[2]));
    let now = commit.changes[0].now.clone().unwrap();
    assert_eq!(
        put.effect,
        ChangeEffect::Put(commit.changes[0].key.clone(), now)
    );
    assert_eq!(
        (put.at, put.before),
        (Revision::new(300, 0), Some(Revision::new(2, 0)))
    );
    let commit_header = put.commit_header.unwrap();
    assert_eq!(
        (
            commit_header.cause,
            commit_header.changes,
            commit_header.digest
        ),
        (commit.cause, 2, DIGEST)
    );
    assert_eq!(commit_header.subject(), commit.subject);
    assert_eq!(delete.effect, ChangeEffect::Delete(Key::system("lease")));
    assert_eq!(
        (delete.at, delete.commit_header),
        (Revision::new(300, 1), None)
    );
    assert_eq!(nothing.effect, ChangeEffect::Nothing);
    assert_eq!(read_metadata(SEAL, &rows[3].1).unwrap().history_floor, 299);
}

#[test]
fn any_flipped_bit_is_detected() {
    for (key, value) in &all_rows() {
        for offset in 0..value.len() {
            for bit in 0..8 {
                let mut value = value.to_vec();
                value[offset] ^= 1 << bit;
                read_change(SEAL, key, &value).unwrap_err();
            }
        }
    }
}

#[test]
fn a_record_at_another_key_or_from_another_store_is_refused() {
    let rows = all_rows();
    let other = read_change(SEAL, &rows[1].0, &rows[0].1);
    assert_eq!(other, Err(RecordError::Checksum));
    assert_eq!(read_metadata(SEAL, &rows[0].1), Err(RecordError::Checksum));
    let foreign = read_change(Seal(1), &rows[0].0, &rows[0].1);
    assert_eq!(foreign, Err(RecordError::Checksum));
    assert_eq!(revision_of_key(b"\x01short"), Err(RecordError::TableKey));
}

#[test]
fn an_error_names_a_newer_format() {
    let (key, value) = all_rows().swap_remove(0);
    let mut value = value.to_vec();
    value[0] = 2;
    let error = read_change(SEAL, &key, &value).unwrap_err();
    assert_eq!(
        error.to_string(),
        "format 2 is newer than this kubekv, which reads up to 1"
    );
}

#[test]
fn undoing_a_change_restores_the_digest() {
    let (a, b) = (Key::user("a"), Key::system("a"));
    let (first, second) = (Revision::new(1, 0), Revision::new(2, 0));
    let mut digest = EntriesDigest::default();
    digest.apply(&a, None, Some(first));
    let one = digest;
    digest.apply(&b, None, Some(second));
    digest.apply(&a, Some(first), Some(second));
    assert_ne!(digest.sum, one.sum);
    digest.apply(&a, Some(second), Some(first));
    digest.apply(&b, Some(second), None);
    assert_eq!(digest, one);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_decode(key in any::<Vec<u8>>(), value in any::<Vec<u8>>()) {
        prop_assert!(read_change(SEAL, &key, &value).is_err());
        prop_assert!(read_metadata(SEAL, &value).is_err());
    }

    /// Bytes with a valid checksum may be refused, but must not make the decoder panic.
    #[test]
    fn arbitrary_contents_never_panic(
        lengths in any::<[u8; 8]>(), small in any::<bool>(), rest in any::<Vec<u8>>(),
    ) {
        let key = change_key(Revision::new(1, 0));
        let mut covered = lengths.to_vec();
        if small {
            for offset in [1, 2, 3, 5, 6, 7] {
                covered[offset] = 0;
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
    fn any_entry_survives_encoding(
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
        let (table_key, row) = row(SEAL, at, &change, None, &mut Vec::new()).unwrap();
        let read = read_change(SEAL, &table_key, &row).unwrap();
        prop_assert_eq!(read.effect, ChangeEffect::Put(change.key, entry));
        prop_assert_eq!((read.at, read.before), (at, before));
    }
}
