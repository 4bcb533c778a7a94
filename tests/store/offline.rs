//! `kubekv check` and `kubekv backup`, as functions.

use std::fs;

use kubekv::model::Key;
use kubekv::store::embedded::{backup, check};
use kubekv::store::{RetentionFloors, Store};

use crate::common::{delete, entry, look, open, proposal, put, sorted, write};

/// A store with a record of every kind.
async fn sample(dir: &std::path::Path) {
    let (store, _) = open(dir).await.unwrap();
    let key = Key::user("k");
    let mut latest = entry(&put(&store, &key, None, "0").await.unwrap(), &key);
    for n in 1..20 {
        let commit = put(&store, &key, Some(&latest), &n.to_string()).await;
        latest = entry(&commit.unwrap(), &key);
    }
    let two = [Key::user("a"), Key::system("b")];
    let writes = two.iter().map(|key| write(key, None, Some("v"))).collect();
    store.commit(proposal(writes)).await.unwrap();
    delete(&store, &key, &latest).await.unwrap();
    store.trim(RetentionFloors {
        history_floor: 10,
        deletions_floor: 5,
    });
    store.commit(proposal(Vec::new())).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn check_counts_a_sound_store() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path()).await;
    let report = check(dir.path()).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(
        (report.revision, report.entries, report.deletions),
        (23, 2, 1)
    );
    assert_eq!((report.history_floor, report.commits), (10, 13));
    assert_eq!((report.deletions_floor, report.cut_bytes), (5, 0));
    // Commits 11 to 23, one of them of two changes, the entry that 11 replaced, and the floors.
    assert_eq!(report.records, 16);
}

#[tokio::test]
async fn check_reports_damage() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path()).await;
    let journal = dir.path().join("store/journal/0.jnl");
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[middle] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    let report = check(dir.path()).unwrap();
    let [line] = &report.problems[..] else {
        panic!("{report:?}");
    };
    assert!(line.contains("0.jnl is damaged at byte"), "{line}");
    assert_eq!(fs::read(&journal).unwrap(), bytes, "nothing was cut");
    let refused = backup(dir.path(), &dir.path().join("copy")).unwrap_err();
    assert!(refused.to_string().contains("damaged"), "{refused}");
    assert!(!dir.path().join("copy").exists());
}

#[tokio::test]
async fn backup_is_an_independent_store() {
    let dir = tempfile::tempdir().unwrap();
    let (original, copy) = (dir.path().join("original"), dir.path().join("copy"));
    sample(&original).await;
    let report = backup(&original, &copy).unwrap();
    let (was, is) = (look(&original).await.unwrap(), look(&copy).await.unwrap());
    assert_eq!(sorted(&is), sorted(&was));
    assert_eq!((is.revision, &is.history), (was.revision, &was.history));
    assert_eq!(
        (is.deletions, is.history_floor),
        (was.deletions, was.history_floor)
    );
    assert_ne!(is.identity, was.identity);
    assert_eq!(
        (report.identity, report.revision),
        (is.identity, is.revision)
    );
    assert_eq!(check(&copy).unwrap().problems, Vec::<String>::new());
    let again = backup(&original, &copy).unwrap_err().to_string();
    assert!(again.ends_with("holds a store already"), "{again}");
    let (store, _) = open(&copy).await.unwrap();
    let next = put(&store, &Key::user("new"), None, "v").await.unwrap();
    assert_eq!(next.revision, was.revision + 1);
    store.close().await;
}

#[tokio::test]
async fn store_in_use_is_refused_and_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await.unwrap();
    let copy = dir.path().join("copy");
    for refused in [check(dir.path()), backup(dir.path(), &copy)] {
        let line = refused.unwrap_err().to_string();
        assert!(
            line.starts_with("another kubekv is using this directory (pid "),
            "{line}"
        );
    }
    assert!(!copy.exists());
    store.close().await;
}

#[test]
fn directory_without_a_store_is_refused_and_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("missing")] {
        let line = check(&path).unwrap_err().to_string();
        assert_eq!(line, format!("{} holds no kubekv store", path.display()));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
