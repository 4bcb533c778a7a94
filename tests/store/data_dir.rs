//! The data directory: ownership, locking, and detection of its removal or replacement.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kubekv::model::Key;
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore, backup, check};
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

/// Every path beneath a directory, and of each its length, the time of its last change and its permissions. Who locks the
/// directory writes the lock file, so that is left out.
fn unlocked(root: &Path) -> BTreeMap<PathBuf, (u64, i64, i64, u32)> {
    let mut found = all_beneath(root);
    found.retain(|path, _| !path.ends_with("data/lock"));
    found
}

fn all_beneath(root: &Path) -> BTreeMap<PathBuf, (u64, i64, i64, u32)> {
    let mut found = BTreeMap::new();
    let mut unread = vec![root.to_owned()];
    while let Some(directory) = unread.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                unread.push(entry.path());
            }
            let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
            let summary = (metadata.len(), seconds, nanoseconds, metadata.mode());
            found.insert(entry.path(), summary);
        }
    }
    found
}

/// A closed store, and the remains of an interrupted first start beside it.
async fn closed_store(data: &Path) {
    let (store, _) = open(data).await.unwrap();
    put(&store, &Key::user("k"), None, "v").await.unwrap();
    store.close().await;
    fs::create_dir(data.join("store.new")).unwrap();
    fs::write(data.join("store.new/format.json"), "").unwrap();
}

/// What each way to use a directory says where it is refused.
async fn refusals(data: &Path) -> Vec<String> {
    let copy = data.with_file_name("copy");
    let all = [
        look(data).await.map(drop),
        check(data).map(drop),
        backup(data, &copy).map(drop),
    ];
    assert!(!copy.exists());
    let all = all.into_iter();
    all.map(|used| used.unwrap_err().to_string()).collect()
}

/// Whoever could put a link there would choose what the gateway overwrites.
#[tokio::test]
async fn nothing_of_a_store_may_be_a_symbolic_link_and_none_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (data, away) = (dir.path().join("data"), dir.path().join("away"));
    closed_store(&data).await;
    let all = all_beneath(&data);
    assert!(all.len() > 10, "{all:?}");
    for path in all.keys() {
        fs::rename(path, &away).unwrap();
        symlink(&away, path).unwrap();
        let before = unlocked(dir.path());
        for line in refusals(&data).await {
            let name = path.display().to_string();
            assert!(line.contains(&name), "{line}");
            assert!(line.contains("it is a symbolic link"), "{line}");
        }
        assert_eq!(unlocked(dir.path()), before, "{}", path.display());
        fs::remove_file(path).unwrap();
        fs::rename(&away, path).unwrap();
    }
    look(&data).await.unwrap();
}

#[tokio::test]
async fn lock_that_links_to_nothing_makes_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (data, away) = (dir.path().join("data"), dir.path().join("away"));
    fs::create_dir(&data).unwrap();
    symlink(&away, data.join("lock")).unwrap();
    let line = look(&data).await.unwrap_err().to_string();
    assert!(line.contains("it is a symbolic link"), "{line}");
    assert!(!away.exists());
}

/// A named pipe must not make a start wait for ever.
#[tokio::test]
async fn what_is_no_regular_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    closed_store(&data).await;
    for name in [
        "lock",
        "store/mark",
        "store/format.json",
        "store/db/version",
    ] {
        let (path, away) = (data.join(name), dir.path().join("away"));
        fs::rename(&path, &away).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        for line in refusals(&data).await {
            assert!(line.contains("it is no regular file"), "{line}");
        }
        fs::remove_file(&path).unwrap();
        fs::rename(&away, &path).unwrap();
    }
}

#[tokio::test]
async fn files_that_others_can_write_are_closed_to_them() {
    let dir = tempfile::tempdir().unwrap();
    closed_store(dir.path()).await;
    for path in all_beneath(dir.path()).keys() {
        let open_to_all = mode(path) | 0o066;
        fs::set_permissions(path, Permissions::from_mode(open_to_all)).unwrap();
    }
    fs::remove_dir_all(dir.path().join("store.new")).unwrap();
    look(dir.path()).await.unwrap();
    for name in ["store", "store/mark", "store/db", "store/db/version"] {
        assert_eq!(mode(&dir.path().join(name)) & 0o022, 0, "{name}");
    }
}

#[tokio::test]
#[ignore = "needs root: tests/run"]
async fn directory_or_file_of_another_user_is_refused_though_root_may_use_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    closed_store(&data).await;
    let all = all_beneath(&data);
    for path in all.keys().chain([&data]) {
        chown(path, Some(4_242), None).unwrap();
        for line in refusals(&data).await {
            let name = path.display().to_string();
            assert!(line.contains(&name), "{line}");
            let both = "it belongs to user 4242, and this process runs as user 0";
            assert!(line.contains(both), "{line}");
        }
        chown(path, Some(0), None).unwrap();
    }
    let unchanged = unlocked(&data);
    assert!(
        unchanged
            .iter()
            .all(|(path, summary)| all[path] == *summary)
    );
    look(&data).await.unwrap();
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
