//! The data directory: ownership, locking, and detection of its removal or replacement.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use kubekv::model::Key;
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore};
use kubekv::store::{CommitError, Store};
use tokio::sync::mpsc;

use crate::common::{Recorder, embedded, look, open, put};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn directory_is_private_to_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made/for/it");
    look(&path).await.unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("store")), 0o700);
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    look(&path).await.unwrap();
    assert_eq!(mode(&path), 0o700, "tightened");
}

#[tokio::test]
async fn second_store_on_one_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = open(dir.path()).await.unwrap();
    let line = look(dir.path()).await.unwrap_err().to_string();
    let expected = format!(
        "another kubekv is using this directory (pid {})",
        std::process::id()
    );
    assert!(line.starts_with(&expected), "{line}");
    assert!(!line.contains('\n'), "{line}");
    first.close().await;
    look(dir.path()).await.unwrap();
}

#[tokio::test]
async fn directory_with_foreign_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("letter.txt"), "dear").unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let line = look(dir.path()).await.unwrap_err().to_string();
    assert!(
        line.contains("holds no kubekv store, but other things (letter.txt)"),
        "{line}"
    );
    assert_eq!(mode(dir.path()), 0o755, "it is not ours to change");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn path_that_is_no_directory_is_refused_with_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let line = look(&path).await.unwrap_err().to_string();
        assert!(line.contains("file") && !line.contains('\n'), "{line}");
    }
}

/// A store whose failures are reported to a channel.
fn watched(path: &Path) -> (EmbeddedStore, mpsc::UnboundedReceiver<String>) {
    let (report, fatal) = mpsc::unbounded_channel();
    let on_fatal = Arc::new(move |why| drop(report.send(why)));
    (
        EmbeddedStore::new(EmbeddedOptions::new(path, on_fatal)),
        fatal,
    )
}

#[tokio::test]
async fn directory_moved_away_is_noticed_without_a_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let (store, mut fatal) = watched(&path);
    store.open(Recorder::new()).await.unwrap();
    fs::rename(&path, dir.path().join("away")).unwrap();
    let why = fatal.recv().await.unwrap();
    assert!(
        why.ends_with("was moved, removed or replaced while in use"),
        "{why}"
    );
    let refused = put(&store, &Key::user("k"), None, "v").await.unwrap_err();
    assert!(matches!(refused, CommitError::Unavailable(_)), "{refused}");
}

#[tokio::test]
async fn recreated_directory_acknowledges_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let (store, mut fatal) = watched(&path);
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    fs::rename(&path, dir.path().join("away")).unwrap();
    let other = embedded(&path);
    other.open(Recorder::new()).await.unwrap();
    put(&store, &Key::user("k"), None, "v").await.unwrap_err();
    fatal.recv().await.unwrap();
    assert!(sink.delivered().is_empty());
    put(&other, &Key::user("k"), None, "v").await.unwrap();
    other.close().await;
}

/// Table files are written in the background, and a failure there must be noticed.
#[tokio::test]
async fn failed_flush_ends_the_process_and_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut fatal) = watched(dir.path());
    store.open(Recorder::new()).await.unwrap();
    let tables = dir.path().join("store/db/keyspaces/1/tables");
    let away = dir.path().join("store/away");
    fs::rename(&tables, &away).unwrap();
    let mut made = 0;
    let failed = loop {
        let key = Key::user(format!("{made}"));
        match put(&store, &key, None, &"x".repeat(1 << 20)).await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 100, "a flush is due long before");
    };
    assert!(
        matches!(
            failed,
            CommitError::Unknown(_) | CommitError::Unavailable(_)
        ),
        "{failed}"
    );
    let why = fatal.recv().await.unwrap();
    assert!(why.contains("background work"), "{why}");
    store.close().await;
    fs::rename(&away, &tables).unwrap();
    assert_eq!(look(dir.path()).await.unwrap().revision, made);
}

#[tokio::test]
#[ignore = "needs bindfs: tests/run"]
async fn fuse_file_system_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (below, above) = (dir.path().join("below"), dir.path().join("above"));
    fs::create_dir(&below).unwrap();
    fs::create_dir(&above).unwrap();
    let run = |program: &str, arguments: &[&Path]| {
        let status = std::process::Command::new(program).args(arguments).status();
        assert!(status.unwrap().success(), "{program}");
    };
    run("bindfs", &[&below, &above]);
    let refused = look(&above.join("data")).await;
    assert!(!below.join("data").exists(), "nothing is made there");
    run("fusermount", &[Path::new("-u"), &above]);
    let line = refused.unwrap_err().to_string();
    assert!(line.contains("lies on a fuse file system"), "{line}");
}
