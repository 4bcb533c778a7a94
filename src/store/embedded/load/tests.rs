//! Tests of loading records, sound and contradictory.

use super::*;
use crate::model::{Cause, Record};
use crate::store::embedded::record::TableRow;

const SEAL: Seal = Seal(5);

/// The metadata row, and the rows of commits 1 to 4, which write one key again and again.
fn rows() -> Vec<TableRow> {
    let mut rows = vec![record::metadata_row(SEAL, &Metadata::default()).unwrap()];
    let key = Key::user("k");
    let mut digest = EntriesDigest::default();
    let mut before: Option<Arc<Entry>> = None;
    for revision in 1..=4 {
        let modified = Revision::new(revision, 0);
        let record = Record::default();
        let now = Some(Arc::new(Entry { record, modified }));
        let was = before.as_ref().map(|entry| entry.modified);
        digest.apply(&key, was, Some(modified));
        let change = Change {
            key: key.clone(),
            now: now.clone(),
            before: std::mem::replace(&mut before, now),
        };
        let commit = Commit {
            revision,
            cause: Cause::Set,
            subject: None,
            changes: vec![change],
        };
        rows.extend(record::rows(SEAL, &commit, digest).unwrap());
    }
    rows
}

fn load(rows: &[TableRow]) -> LoadedStore {
    let mut loader = Loader::new(SEAL);
    for (key, value) in rows {
        loader.take(key, value);
    }
    loader.finish()
}

#[test]
fn sound_records_are_loaded() {
    let loaded = load(&rows());
    assert_eq!(loaded.problems, Vec::<String>::new());
    assert_eq!(
        (loaded.contents.revision, loaded.contents.history.len()),
        (4, 4)
    );
    assert_eq!((loaded.digest.entries, loaded.records), (1, 5));
}

#[test]
fn any_missing_record_is_detected() {
    let all = rows();
    let expected = [
        "the metadata record is missing",
        "commits 1 to 1 are missing",
        "commits 2 to 2 are missing",
        "commits 3 to 3 are missing",
    ];
    for (missing, line) in expected.iter().enumerate() {
        let mut rows = all.clone();
        rows.remove(missing);
        let problems = load(&rows).problems;
        assert!(
            problems.iter().any(|problem| problem == line),
            "{missing}: {problems:?}"
        );
    }
}

#[test]
fn a_lost_or_reappeared_entry_is_detected() {
    let mut rows = rows();
    // Commits up to 3 are trimmed; 3 itself is the entry that 4 replaced.
    let metadata = Metadata {
        history_floor: 3,
        ..Metadata::default()
    };
    rows[0] = record::metadata_row(SEAL, &metadata).unwrap();
    let rows_left = [rows[0].clone(), rows[3].clone(), rows[4].clone()];
    assert_eq!(load(&rows_left).problems, Vec::<String>::new());
    let lost = load(&[rows[0].clone(), rows[4].clone()]).problems;
    assert_eq!(lost, ["record 4.0 replaced 3.0, but nothing was there"]);
    let back = load(&[
        rows[0].clone(),
        rows[2].clone(),
        rows[3].clone(),
        rows[4].clone(),
    ]);
    assert_eq!(
        back.problems,
        ["record 2.0 was replaced by 3.0 and should have been trimmed"]
    );
}

/// Only the digest covers entries that no commit of the history touches.
#[test]
fn a_lost_entry_below_the_history_floor_is_detected() {
    let mut rows = rows();
    let metadata = Metadata {
        history_floor: 3,
        ..Metadata::default()
    };
    rows[0] = record::metadata_row(SEAL, &metadata).unwrap();
    let other = Commit {
        revision: 5,
        cause: Cause::Set,
        subject: None,
        changes: Vec::new(),
    };
    let mut digest = EntriesDigest::default();
    digest.apply(&Key::user("k"), None, Some(Revision::new(4, 0)));
    digest.apply(&Key::user("lost"), None, Some(Revision::new(2, 0)));
    let last = record::rows(SEAL, &other, digest).unwrap();
    let rows_left = [&rows[..1], &rows[3..], &last[..]].concat();
    let expected = "after commit 5 there were 2 entries; the entries found differ (1)";
    assert_eq!(load(&rows_left).problems, [expected]);
}

#[test]
fn a_record_of_a_newer_format_is_not_reported_as_damage() {
    let mut rows = rows();
    let mut newer = rows[4].1.to_vec();
    newer[0] = 9;
    rows[4].1 = newer.into();
    assert_eq!(load(&rows).newer, Some(9));
}
