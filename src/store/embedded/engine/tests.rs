//! Tests of the rows that a table has: after a start, after full journals were moved, and after an upgrade.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fjall::Slice;

use super::fjall_table::FjallTable;
use super::{Engine, RecordTable};
use crate::model::Revision;
use crate::store::embedded::data_dir::Format;
use crate::store::embedded::record::{METADATA_KEY, TableRow, change_key};
use crate::store::embedded::write_batch::WriteBatch;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

struct Fixture {
    directory: tempfile::TempDir,
    expected: Rows,
}

impl Fixture {
    fn new() -> (Self, RecordTable) {
        let directory = tempfile::tempdir().unwrap();
        let expected = Rows::new();
        let fixture = Self {
            directory,
            expected,
        };
        let table = RecordTable::create(&fixture.db(), &fixture.journals()).unwrap();
        (fixture, table)
    }

    fn db(&self) -> PathBuf {
        self.directory.path().join("db")
    }

    fn journals(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    fn open(&self) -> RecordTable {
        RecordTable::open(&self.db(), &self.journals(), Format::new()).unwrap()
    }

    /// Writes a record of so many bytes and the floors, and removes another record.
    fn write(&mut self, table: &mut RecordTable, at: u64, bytes: usize, removed: Option<u64>) {
        let metadata = at.to_le_bytes().to_vec();
        let record = vec![u8::try_from(at % 251).unwrap(); bytes];
        let put = vec![row(&METADATA_KEY, &metadata), row(&key(at), &record)];
        self.expected.insert(METADATA_KEY.to_vec(), metadata);
        self.expected.insert(key(at), record);
        let remove = removed.map(|main| Revision::new(main, 0));
        if let Some(main) = removed {
            self.expected.remove(&key(main));
        }
        let remove = remove.into_iter().collect();
        table
            .write(WriteBatch {
                put,
                remove,
                list: None,
            })
            .unwrap();
    }

    fn assert_has_all(&self, table: &RecordTable) {
        let mut found = Vec::new();
        table
            .scan(|key, value| found.push((key.to_vec(), value.to_vec())))
            .unwrap();
        let sorted = found.windows(2).all(|two| two[0].0 < two[1].0);
        assert!(sorted, "each once, in the order of keys");
        let found: Rows = found.into_iter().collect();
        assert!(found == self.expected, "{} rows", found.len());
    }
}

fn key(at: u64) -> Vec<u8> {
    change_key(Revision::new(at, 0)).to_vec()
}

fn row(key: &[u8], value: &[u8]) -> TableRow {
    (Slice::from(key), Slice::from(value))
}

fn files(directory: &Path) -> Vec<String> {
    let listed = fs::read_dir(directory).unwrap();
    let names = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn rows_of_the_journal_are_there_after_a_start_and_it_is_written_on() {
    let (mut fixture, mut table) = Fixture::new();
    for at in 1..=20 {
        fixture.write(&mut table, at, 100, (at > 5).then(|| at - 5));
        if at % 5 == 0 {
            fixture.assert_has_all(&table);
            drop(table);
            table = fixture.open();
        }
    }
    fixture.assert_has_all(&table);
    assert_eq!(files(&fixture.journals()), ["0.jnl"]);
}

#[test]
fn a_full_journal_is_moved_to_the_table_and_removed() {
    let (mut fixture, mut table) = Fixture::new();
    for at in 1..=40 {
        fixture.write(&mut table, at, 900_000, (at > 3).then(|| at - 3));
    }
    // Longer than a journal.
    fixture.write(&mut table, 41, 9 << 20, None);
    fixture.write(&mut table, 42, 10, None);
    table.healthy().unwrap();
    drop(table);
    let left = files(&fixture.journals());
    assert_eq!(left.len(), 1, "{left:?}");
    assert_ne!(left, ["0.jnl"]);
    let table = fixture.open();
    fixture.assert_has_all(&table);
    assert!(table.table_bytes() > 0);
}

/// A process can be killed after a journal was moved and before its file is gone.
#[test]
fn journals_that_were_moved_already_change_nothing() {
    let (mut fixture, mut table) = Fixture::new();
    let kept = fixture.directory.path().join("kept");
    fs::create_dir(&kept).unwrap();
    for at in 1..=12 {
        fixture.write(&mut table, at, 300_000, (at > 3).then(|| at - 3));
        for name in files(&fixture.journals()) {
            // It may be gone again.
            let _copied = fs::copy(fixture.journals().join(&name), kept.join(&name));
        }
    }
    drop(table);
    for name in files(&kept).iter().filter(|name| *name != "next") {
        fs::copy(kept.join(name), fixture.journals().join(name)).unwrap();
    }
    let journals = files(&fixture.journals()).len();
    assert!(journals > 1, "{journals}");
    let table = fixture.open();
    fixture.assert_has_all(&table);
    assert_eq!(files(&fixture.journals()).len(), 1);
}

#[test]
fn rows_of_the_layout_before_are_moved_out_of_fjalls_journals() {
    let directory = tempfile::tempdir().unwrap();
    let mut fixture = Fixture {
        directory,
        expected: Rows::new(),
    };
    let old = FjallTable::create(&fixture.db()).unwrap();
    for at in 1..=9_u64 {
        fixture.expected.insert(key(at), vec![7; 50]);
        old.write_to_own_journal(vec![(Slice::from(key(at)), Some(Slice::from([7; 50])))]);
    }
    fixture.expected.remove(&key(3));
    old.write_to_own_journal(vec![(Slice::from(key(3)), None)]);
    drop(old);
    let format = r#"{"kubekv_embedded_store":1,"identity":1,"seal":2}"#;
    let format: Format = serde_json::from_str(format).unwrap();
    let mut table = RecordTable::open(&fixture.db(), &fixture.journals(), format).unwrap();
    fixture.assert_has_all(&table);
    let refused = table.write(WriteBatch {
        put: vec![row(&key(10), b"x")],
        remove: Vec::new(),
        list: None,
    });
    assert!(refused.is_err(), "it would be in no journal");
    let metadata = row(&METADATA_KEY, b"floors");
    fixture
        .expected
        .insert(METADATA_KEY.to_vec(), b"floors".to_vec());
    table.upgrade(metadata).unwrap();
    fixture.write(&mut table, 10, 100, Some(4));
    drop(table);
    for name in files(&fixture.db())
        .iter()
        .filter(|name| name.contains(".jnl"))
    {
        assert_eq!(fs::metadata(fixture.db().join(name)).unwrap().len(), 0);
    }
    fixture.assert_has_all(&fixture.open());
}
