//! Figures of the embedded store, measured by hand, without assertions:
//! `cargo test --release --test store figures -- --ignored --nocapture --test-threads 1`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kubekv::model::{Key, Record, Write};
use kubekv::store::{CommitSink, RetentionFloors, Store};
use tokio::time::Instant;

use crate::common::{embedded, entry, open, proposal, write};
use crate::size::disk_bytes;

/// The store that the child opens.
const DIRECTORY: &str = "KUBEKV_TEST_FIGURES_DIRECTORY";

/// A 256-byte value as a Consul client writes it.
fn plain() -> Record {
    Record {
        value: vec![b'x'; 256].into(),
        ..Record::successor(None, 1_700_000_000_000)
    }
}

/// A commit sink that keeps nothing.
struct Forgetful;

impl CommitSink for Forgetful {
    fn deliver(&self, _commits: Vec<Arc<kubekv::model::Commit>>) {}
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes << 10
}

/// Writes 256-byte values over own keys from several tasks for a while.
async fn load(dir: &Path, tasks: u64, seconds: u64) {
    let store = Arc::new(embedded(dir));
    store.open(Arc::new(Forgetful)).await.unwrap();
    let before = disk_bytes(dir);
    let begin = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let store = Arc::clone(&store);
        running.spawn(async move {
            let key = Key::user(format!("bench/{task}/{before}"));
            let mut latest = None;
            let mut took = Vec::new();
            while begin.elapsed() < Duration::from_secs(seconds) {
                let start = Instant::now();
                let write = Write {
                    put: Some(plain()),
                    ..write(&key, latest.as_ref(), None)
                };
                let commit = store.commit(proposal(vec![write])).await.unwrap();
                took.push(start.elapsed());
                latest = Some(entry(&commit, &key));
                store.trim(RetentionFloors {
                    history_floor: commit.revision.saturating_sub(10_000),
                    deletions_floor: commit.revision.saturating_sub(10_000),
                });
            }
            took
        });
    }
    let mut took: Vec<_> = running.join_all().await.into_iter().flatten().collect();
    let elapsed = begin.elapsed().as_secs_f64();
    took.sort();
    let count = u32::try_from(took.len()).unwrap();
    let place = |per_mille: usize| took[took.len() * per_mille / 1000].as_micros();
    println!(
        "{tasks:3} tasks: {:8.0} commits/s, p50 {} us, p99 {} us, p99.9 {} us; {:.0} bytes on disk a commit",
        f64::from(count) / elapsed,
        place(500),
        place(990),
        place(999),
        f64::from(u32::try_from(disk_bytes(dir).saturating_sub(before)).unwrap())
            / f64::from(count),
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "figures: run by hand, in release"]
async fn figures_of_commits() {
    let dir = tempfile::tempdir().unwrap();
    for tasks in [1, 8, 64, 256] {
        load(dir.path(), tasks, 4).await;
    }
}

/// Opens the store named by the environment, as a process of its own, and says what it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of figures_of_a_start"]
async fn opening() {
    let Some(dir) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let before = resident();
    let begin = Instant::now();
    let (store, opened) = open(Path::new(&dir)).await.unwrap();
    let took = begin.elapsed();
    let open = resident();
    println!(
        "{} entries, {} commits of history: open in {} ms; resident {} KiB before, {} KiB open with all entries held",
        opened.entries.len(),
        opened.history.len(),
        took.as_millis(),
        before >> 10,
        open >> 10,
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "figures: run by hand, in release"]
async fn figures_of_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "figures::opening", "--ignored", "--nocapture"])
            .env(DIRECTORY, dir.path())
            .status();
        assert!(child.unwrap().success());
    };
    let store = embedded(dir.path());
    store.open(Arc::new(Forgetful)).await.unwrap();
    store.close().await;
    start();
    store.open(Arc::new(Forgetful)).await.unwrap();
    for part in 0..1000 {
        let keys = (0..100).map(|n| Key::user(format!("docker/network/v1.0/{part}/{n}")));
        let writes = keys.map(|key| Write {
            put: Some(plain()),
            ..write(&key, None, None)
        });
        let commit = store.commit(proposal(writes.collect())).await.unwrap();
        store.trim(RetentionFloors {
            history_floor: commit.revision.saturating_sub(10),
            deletions_floor: commit.revision.saturating_sub(10),
        });
    }
    store.close().await;
    println!("{} KiB on disk", disk_bytes(dir.path()) >> 10);
    for _ in 0..3 {
        start();
    }
}
