//! The directory's size, which compaction bounds.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use kubekv::model::{Entry, Key};
use kubekv::store::{RetentionFloors, Store};

use crate::common::{entry, look, open, put, sorted};

/// Bytes that the directory's files take on the disk.
pub(crate) fn disk_bytes(dir: &Path) -> u64 {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let Ok(metadata) = entry.metadata() else {
                return 0; // Removed meanwhile: a compaction is under way.
            };
            if metadata.is_dir() {
                disk_bytes(&entry.path())
            } else {
                metadata.blocks() * 512
            }
        })
        .sum()
}

/// Writes 300 MB over 4 MB of live data. A journal that grows to 64 MiB and a few table files are all that may be
/// there at any time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_bounds_the_directory_size() {
    const LIVE: usize = 16;
    const BOUND: u64 = 160 << 20;
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await.unwrap();
    let value = "x".repeat(256 << 10);
    let mut latest: Vec<Option<Arc<Entry>>> = vec![None; LIVE];
    let mut most = 0;
    for n in 0..1200 {
        let key = Key::user(format!("k{}", n % LIVE));
        let commit = put(&store, &key, latest[n % LIVE].as_ref(), &value)
            .await
            .unwrap();
        latest[n % LIVE] = Some(entry(&commit, &key));
        store.trim(RetentionFloors {
            history_floor: commit.revision.saturating_sub(20),
            deletions_floor: commit.revision.saturating_sub(20),
        });
        if n % 10 == 0 {
            most = most.max(disk_bytes(dir.path()));
        }
    }
    assert!(most < BOUND, "{} MiB", most >> 20);
    store.close().await;
    let opened = look(dir.path()).await.unwrap();
    assert_eq!(sorted(&opened).len(), LIVE);
    assert!(opened.history.len() < 200, "{}", opened.history.len());
}
