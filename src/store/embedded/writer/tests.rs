//! The writer on a failing disk: no commit is delivered before its fsync, and no failed fsync is retried.

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::*;
use crate::model::{Key, Proposal, Record, Target, Write};
use crate::store::RetentionFloors;
use crate::store::embedded::commit_queue::CommitOutcome;
use crate::store::embedded::{OnFatal, write_until_closed};

/// Accepts some batches, then fails each.
struct Failing {
    good: usize,
    written: Arc<Mutex<Vec<usize>>>,
    panics: bool,
}

impl Engine for Failing {
    fn write(&mut self, batch: WriteBatch) -> Result<(), String> {
        self.written.lock().push(batch.put.len());
        if self.good == 0 {
            assert!(!self.panics, "on purpose");
            return Err("input/output error".to_owned());
        }
        self.good -= 1;
        Ok(())
    }

    fn healthy(&self) -> Result<(), String> {
        Ok(())
    }

    fn table_bytes(&self) -> u64 {
        0
    }
}

#[derive(Default)]
struct Delivered(Mutex<Vec<u64>>);

impl CommitSink for Delivered {
    fn deliver(&self, commits: Vec<Arc<Commit>>) {
        let revisions = commits.iter().map(|commit| commit.revision);
        self.0.lock().extend(revisions);
    }
}

struct Fixture {
    queue: Arc<CommitQueue>,
    sink: Arc<Delivered>,
    written: Arc<Mutex<Vec<usize>>>,
    fatal: Arc<Mutex<Vec<String>>>,
    writer: Option<Writer<Failing>>,
    directory: tempfile::TempDir,
}

fn fixture(good: usize, panics: bool) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = DataDir::lock(directory.path()).unwrap();
    data_dir.create_empty_store().unwrap();
    let high_water_mark = HighWaterMark::open(&data_dir.high_water_mark()).unwrap().0;
    let queue = Arc::new(CommitQueue::new());
    let sink = Arc::new(Delivered::default());
    let written = Arc::default();
    let writer = Writer {
        queue: Arc::clone(&queue),
        engine: Failing {
            good,
            written: Arc::clone(&written),
            panics,
        },
        sink: Arc::<Delivered>::clone(&sink),
        seal: Seal::default(),
        sequencer: Sequencer::default(),
        metadata: Metadata::default(),
        digest: EntriesDigest::default(),
        retention: Retention::default(),
        free_space: FreeSpace::new(directory.path(), 0),
        high_water_mark,
        data_dir,
    };
    Fixture {
        queue,
        sink,
        written,
        fatal: Arc::default(),
        writer: Some(writer),
        directory,
    }
}

impl Fixture {
    async fn submit(&self, key: &str) -> oneshot::Receiver<CommitOutcome> {
        let write = Write {
            target: Target::Key(Key::user(key)),
            before: None,
            put: Some(Record::default()),
        };
        let proposal = Proposal {
            writes: vec![write],
            ..Proposal::default()
        };
        self.queue.submit(proposal, 1).await.unwrap()
    }

    /// Runs the writer on this thread until it ends.
    fn run(&mut self) {
        let fatal = Arc::clone(&self.fatal);
        let on_fatal: OnFatal = Arc::new(move |why| fatal.lock().push(why));
        write_until_closed(self.writer.take().unwrap(), &on_fatal);
    }

    fn high_water_mark(&self) -> u64 {
        let path = self.directory.path().join("store/mark");
        HighWaterMark::open(&path).unwrap().1
    }
}

#[tokio::test]
async fn a_failed_sync_is_fatal_and_neither_delivered_nor_retried() {
    let mut fixture = fixture(0, false);
    let (a, b) = (fixture.submit("a").await, fixture.submit("b").await);
    fixture.run();
    for outcome in [a, b] {
        let unknown = outcome.await.unwrap().unwrap_err();
        assert!(matches!(unknown, CommitError::Unknown(_)), "{unknown}");
    }
    assert_eq!(*fixture.written.lock(), [2], "one batch, tried once");
    assert!(fixture.sink.0.lock().is_empty(), "nothing is delivered");
    assert_eq!(fixture.high_water_mark(), 0);
    let fatal = fixture.fatal.lock().clone();
    assert_eq!(fatal.len(), 1);
    assert!(fatal[0].ends_with("input/output error"), "{fatal:?}");
    let write = Proposal::default();
    let refused = fixture.queue.submit(write, 0).await.unwrap_err();
    assert!(matches!(refused, CommitError::Unavailable(_)), "{refused}");
}

#[tokio::test]
async fn a_panic_of_the_engine_is_fatal_and_leaves_outcomes_unknown() {
    let mut fixture = fixture(0, true);
    let outcome = fixture.submit("a").await;
    fixture.run();
    outcome.await.unwrap_err();
    assert!(fixture.sink.0.lock().is_empty());
    assert_eq!(fixture.fatal.lock().len(), 1);
}

#[tokio::test]
async fn waiting_proposals_are_written_before_the_writer_ends() {
    let mut fixture = fixture(usize::MAX, false);
    let (a, b) = (fixture.submit("a").await, fixture.submit("a").await);
    fixture.queue.close("closing");
    fixture.run();
    assert_eq!(a.await.unwrap().unwrap().revision, 1);
    assert_eq!(b.await.unwrap(), Err(CommitError::Conflict));
    assert_eq!(*fixture.sink.0.lock(), [1]);
    assert_eq!(fixture.high_water_mark(), 1);
    assert!(fixture.fatal.lock().is_empty());
}

#[tokio::test]
async fn trimming_happens_in_the_batch_of_the_next_group() {
    let mut fixture = fixture(usize::MAX, false);
    for key in ["a", "b", "c"] {
        drop(fixture.submit(key).await);
    }
    fixture.queue.set_retention_floors(RetentionFloors {
        history_floor: 2,
        deletions_floor: 0,
    });
    fixture.queue.close("closing");
    fixture.run();
    assert_eq!(*fixture.written.lock(), [4], "three changes and the floors");
}
