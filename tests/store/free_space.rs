//! Free space: on a full disk writes are refused before any file is touched, reads continue, and writes resume by themselves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use kubekv::model::Key;
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore};
use kubekv::store::{CommitError, Store};
use tokio::sync::mpsc;

use crate::common::{Recorder, delete, entry, look, never, proposal, put, write};

/// A file system of its own, in memory.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: &Path, mebibytes: u32) -> Self {
        let size = format!("size={mebibytes}m,mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "kubekv-test"])
            .arg(at)
            .status()
            .unwrap();
        assert!(mounted.success());
        Self(at.to_owned())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

fn store(path: &Path, reserve_mebibytes: u64) -> EmbeddedStore {
    let mut options = EmbeddedOptions::new(path, never());
    options.reserve_bytes = reserve_mebibytes << 20;
    EmbeddedStore::new(options)
}

fn is_full(error: &CommitError) -> bool {
    matches!(error, CommitError::Full(_))
}

#[tokio::test]
async fn below_the_reserve_only_writes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let sink = Recorder::new();
    let no_disk_has_this = store(dir.path(), 1 << 40);
    no_disk_has_this
        .open(Arc::<Recorder>::clone(&sink))
        .await
        .unwrap();
    let refused = put(&no_disk_has_this, &Key::user("k"), None, "v")
        .await
        .unwrap_err();
    assert!(is_full(&refused), "{refused}");
    assert!(
        refused.to_string().starts_with("no space left: "),
        "{refused}"
    );
    assert!(sink.delivered().is_empty());
    no_disk_has_this.close().await;
    let enough = store(dir.path(), 1);
    enough.open(Recorder::new()).await.unwrap();
    let commit = put(&enough, &Key::user("k"), None, "v").await.unwrap();
    assert_eq!(commit.revision, 1, "the refused one used no revision");
    enough.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: tests/run"]
async fn full_disk_refuses_writes_until_space_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let _tmpfs = Tmpfs::mount(dir.path(), 64);
    let data = dir.path().join("data");
    let full = store(&data, 24);
    let sink = Recorder::new();
    full.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    put(&full, &Key::user("first"), None, "v").await.unwrap();
    let ballast = dir.path().join("ballast");
    std::fs::write(&ballast, vec![1; 45 << 20]).unwrap();
    for n in 0..3 {
        let refused = put(&full, &Key::user(format!("refused{n}")), None, "v")
            .await
            .unwrap_err();
        assert!(is_full(&refused), "{refused}");
    }
    std::fs::remove_file(&ballast).unwrap();
    let commit = put(&full, &Key::user("second"), None, "v").await.unwrap();
    assert_eq!((commit.revision, sink.delivered().len()), (2, 2));
    full.close().await;
    assert_eq!(look(&data).await.unwrap().revision, 2);
}

/// A file that leaves this many bytes free on the disk.
fn leave_free(dir: &Path, mebibytes: u64) {
    let ballast = dir.join("ballast");
    drop(std::fs::remove_file(&ballast));
    let space = rustix::fs::statvfs(dir).unwrap();
    let free = space.f_bavail * space.f_frsize;
    let length = free - (mebibytes << 20);
    std::fs::write(&ballast, vec![1; usize::try_from(length).unwrap()]).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: tests/run"]
async fn full_disk_takes_what_empties_it_and_the_gateways_own_records() {
    let dir = tempfile::tempdir().unwrap();
    let _tmpfs = Tmpfs::mount(dir.path(), 96);
    let data = dir.path().join("data");
    // Growth needs 32 MiB, a rewrite 16, a deletion 8.
    let full = store(&data, 32);
    full.open(Recorder::new()).await.unwrap();
    let key = |name: &str| Key::user(name);
    let mut made = Vec::new();
    for name in ["kept", "first", "second"] {
        let commit = put(&full, &key(name), None, "value").await.unwrap();
        made.push(entry(&commit, &key(name)));
    }
    let [kept, first, second] = &made[..] else {
        panic!("{made:?}")
    };
    let session = Key::system("lease/00000000-0000-0000-0000-000000000001");
    let commit = put(&full, &session, None, "{}").await.unwrap();
    let session_before = entry(&commit, &session);

    leave_free(dir.path(), 24);
    for grows in [
        put(&full, &key("new"), None, "v").await,
        put(&full, &key("kept"), Some(kept), "longer value").await,
        put(&full, &Key::system("lease/new"), None, "{}").await,
    ] {
        assert!(is_full(&grows.unwrap_err()));
    }
    let beaten = put(&full, &key("kept"), Some(kept), "again").await.unwrap();
    let kept = entry(&beaten, &key("kept"));
    delete(&full, &key("first"), first).await.unwrap();

    leave_free(dir.path(), 12);
    let rewrite = put(&full, &key("kept"), Some(&kept), "other").await;
    assert!(is_full(&rewrite.unwrap_err()));
    // The end of a session, and its delay.
    let end = vec![
        write(&session, Some(&session_before), None),
        write(&Key::system("delay/kept"), None, Some("{}")),
    ];
    full.commit(proposal(end)).await.unwrap();
    delete(&full, &key("second"), second).await.unwrap();

    leave_free(dir.path(), 4);
    let last = delete(&full, &key("kept"), &kept).await;
    assert!(is_full(&last.unwrap_err()));
    std::fs::remove_file(dir.path().join("ballast")).unwrap();
    delete(&full, &key("kept"), &kept).await.unwrap();
    full.close().await;
    let opened = look(&data).await.unwrap();
    let left: Vec<_> = opened.entries.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(left, [Key::system("delay/kept")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: tests/run"]
async fn disk_filled_within_a_burst_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let _tmpfs = Tmpfs::mount(dir.path(), 128);
    let data = dir.path().join("data");
    let full = Arc::new(store(&data, 48));
    full.open(Recorder::new()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16 {
        let full = Arc::clone(&full);
        tasks.spawn(async move {
            let mut made = 0;
            for n in 0.. {
                let key = Key::user(format!("{task}/{n}"));
                match put(&*full, &key, None, &"x".repeat(100 << 10)).await {
                    Ok(_) => made += 1,
                    Err(refused) => {
                        assert!(is_full(&refused), "{refused}");
                        break;
                    }
                }
            }
            made
        });
    }
    let made: u64 = tasks.join_all().await.into_iter().sum();
    assert!(made > 100, "{made}");
    full.close().await;
    let opened = look(&data).await.unwrap();
    assert_eq!(opened.revision, made);
    assert_eq!(u64::try_from(opened.entries.len()).unwrap(), made);
}

/// Without a reserve the table's own write fails, and the state on disk is unknown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: tests/run"]
async fn failed_write_ends_the_process_and_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let _tmpfs = Tmpfs::mount(dir.path(), 32);
    let data = dir.path().join("data");
    let (report, mut fatal) = mpsc::unbounded_channel();
    let mut options = EmbeddedOptions::new(&data, Arc::new(move |why| drop(report.send(why))));
    options.reserve_bytes = 0;
    let store = EmbeddedStore::new(options);
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    std::fs::write(dir.path().join("ballast"), vec![1; 27 << 20]).unwrap();
    let mut made = 0;
    let failed = loop {
        // Attributes of a newer version can exceed every estimate.
        let key = Key::user(format!("{made}"));
        let mut write = write(&key, None, Some(""));
        let put = write.put.as_mut().unwrap();
        put.attrs.other = [("more".to_owned(), "x".repeat(3 << 20).into())].into();
        match store.commit(proposal(vec![write])).await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(failed, CommitError::Unknown(_)), "{failed}");
    let why = fatal.recv().await.unwrap();
    assert!(why.contains("No space left"), "{why}");
    assert_eq!(sink.delivered().len(), made);
    let after = put(&store, &Key::user("after"), None, "v")
        .await
        .unwrap_err();
    assert!(matches!(after, CommitError::Unavailable(_)), "{after}");
    store.close().await;
    std::fs::remove_file(dir.path().join("ballast")).unwrap();
    let revision = look(&data).await.unwrap().revision;
    let made = u64::try_from(made).unwrap();
    assert!(
        (made..=made + 1).contains(&revision),
        "{revision} of {made}"
    );
}
