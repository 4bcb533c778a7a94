use super::*;
use crate::model::{Cause, Record};
use crate::store::embedded::record::Row;

const SEAL: Seal = Seal(5);

/// The rows of commits 1 to 4, which write one key again and again, and of the store as a whole.
fn rows() -> Vec<Row> {
    let mut rows = vec![record::about_row(SEAL, &About::default()).unwrap()];
    let key = Key::user("k");
    let mut state = State::default();
    let mut before: Option<Arc<Entry>> = None;
    for revision in 1..=4 {
        let modified = Revision::new(revision, 0);
        let record = Record::default();
        let now = Some(Arc::new(Entry { record, modified }));
        let was = before.as_ref().map(|entry| entry.modified);
        state.apply(&key, was, Some(modified));
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
        rows.extend(record::rows(SEAL, &commit, state).unwrap());
    }
    rows
}

fn load(rows: &[Row]) -> Loaded {
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
        (loaded.opened.revision, loaded.opened.history.len()),
        (4, 4)
    );
    assert_eq!((loaded.state.entries, loaded.records), (1, 5));
}

#[test]
fn a_missing_record_is_noticed_wherever_it_was() {
    let all = rows();
    let expected = [
        "the record about the store is missing",
        "commits 1 to 1 are missing",
        "commits 2 to 2 are missing",
        "commits 3 to 3 are missing",
    ];
    for (place, line) in expected.iter().enumerate() {
        let mut rows = all.clone();
        rows.remove(place);
        let problems = load(&rows).problems;
        assert!(
            problems.iter().any(|problem| problem == line),
            "{place}: {problems:?}"
        );
    }
}

#[test]
fn an_entry_that_was_lost_or_came_back_is_noticed() {
    let mut rows = rows();
    // Commits up to 3 are forgotten; 3 itself is the entry that 4 replaced.
    let about = About {
        history_floor: 3,
        ..About::default()
    };
    rows[0] = record::about_row(SEAL, &about).unwrap();
    let kept = [rows[0].clone(), rows[3].clone(), rows[4].clone()];
    assert_eq!(load(&kept).problems, Vec::<String>::new());
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
        ["record 2.0 was replaced by 3.0 and should be gone"]
    );
}

/// The digest alone knows of entries that no commit of the history touches.
#[test]
fn an_old_entry_that_was_lost_is_noticed() {
    let mut rows = rows();
    let about = About {
        history_floor: 3,
        ..About::default()
    };
    rows[0] = record::about_row(SEAL, &about).unwrap();
    let other = Commit {
        revision: 5,
        cause: Cause::Set,
        subject: None,
        changes: Vec::new(),
    };
    let mut state = State::default();
    state.apply(&Key::user("k"), None, Some(Revision::new(4, 0)));
    state.apply(&Key::user("lost"), None, Some(Revision::new(2, 0)));
    let last = record::rows(SEAL, &other, state).unwrap();
    let kept = [&rows[..1], &rows[3..], &last[..]].concat();
    let expected = "after commit 5 there were 2 entries, but other ones are here (1)";
    assert_eq!(load(&kept).problems, [expected]);
}

#[test]
fn a_record_of_a_newer_format_is_told_from_damage() {
    let mut rows = rows();
    rows[4].1[0] = 9;
    assert_eq!(load(&rows).newer, Some(9));
}
