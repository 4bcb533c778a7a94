//! What the writer does when the disk fails under it: memory must not be ahead of fsync, and no failed fsync may be
//! tried again.

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::*;
use crate::model::{Key, Proposal, Record, Target, Write};
use crate::store::RetentionFloors;
use crate::store::embedded::commit_queue::Outcome;
use crate::store::embedded::{OnFatal, write_until_closed};

/// Takes some batches, then fails each.
struct Failing {
    good: usize,
    written: Arc<Mutex<Vec<usize>>>,
    panics: bool,
}

impl Engine for Failing {
    fn write(&mut self, batch: Batch) -> Result<(), String> {
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

struct Bench {
    queue: Arc<Queue>,
    feed: Arc<Delivered>,
    written: Arc<Mutex<Vec<usize>>>,
    fatal: Arc<Mutex<Vec<String>>>,
    writer: Option<Writer<Failing>>,
    directory: tempfile::TempDir,
}

fn bench(good: usize, panics: bool) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let place = DataDir::take(directory.path()).unwrap();
    place.make_empty_store().unwrap();
    let mark = HighWaterMark::open(&place.mark()).unwrap().0;
    let queue = Arc::new(Queue::new());
    let feed = Arc::new(Delivered::default());
    let written = Arc::default();
    let writer = Writer {
        queue: Arc::clone(&queue),
        engine: Failing {
            good,
            written: Arc::clone(&written),
            panics,
        },
        feed: Arc::<Delivered>::clone(&feed),
        seal: Seal::default(),
        sequencer: Sequencer::default(),
        about: About::default(),
        state: State::default(),
        retention: Retention::default(),
        room: FreeSpace::new(directory.path(), 0),
        mark,
        place,
    };
    Bench {
        queue,
        feed,
        written,
        fatal: Arc::default(),
        writer: Some(writer),
        directory,
    }
}

impl Bench {
    async fn submit(&self, key: &str) -> oneshot::Receiver<Outcome> {
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

    /// Runs the writer until it ends, here.
    fn run(&mut self) {
        let told = Arc::clone(&self.fatal);
        let on_fatal: OnFatal = Arc::new(move |why| told.lock().push(why));
        write_until_closed(self.writer.take().unwrap(), &on_fatal);
    }

    fn mark(&self) -> u64 {
        let path = self.directory.path().join("store/mark");
        HighWaterMark::open(&path).unwrap().1
    }
}

#[tokio::test]
async fn a_failed_sync_is_fatal_and_neither_shown_nor_retried() {
    let mut bench = bench(0, false);
    let (a, b) = (bench.submit("a").await, bench.submit("b").await);
    bench.run();
    for outcome in [a, b] {
        let unknown = outcome.await.unwrap().unwrap_err();
        assert!(matches!(unknown, CommitError::Unknown(_)), "{unknown}");
    }
    assert_eq!(*bench.written.lock(), [2], "one batch, tried once");
    assert!(bench.feed.0.lock().is_empty(), "nobody was shown it");
    assert_eq!(bench.mark(), 0);
    let told = bench.fatal.lock().clone();
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("input/output error"), "{told:?}");
    let write = Proposal::default();
    let refused = bench.queue.submit(write, 0).await.unwrap_err();
    assert!(matches!(refused, CommitError::Unavailable(_)), "{refused}");
}

#[tokio::test]
async fn a_panic_below_is_fatal_too_and_leaves_outcomes_unknown() {
    let mut bench = bench(0, true);
    let outcome = bench.submit("a").await;
    bench.run();
    outcome.await.unwrap_err();
    assert!(bench.feed.0.lock().is_empty());
    assert_eq!(bench.fatal.lock().len(), 1);
}

#[tokio::test]
async fn what_waits_at_the_end_is_still_written() {
    let mut bench = bench(usize::MAX, false);
    let (a, b) = (bench.submit("a").await, bench.submit("a").await);
    bench.queue.close("closing");
    bench.run();
    assert_eq!(a.await.unwrap().unwrap().revision, 1);
    assert_eq!(b.await.unwrap(), Err(CommitError::Conflict));
    assert_eq!(*bench.feed.0.lock(), [1]);
    assert_eq!(bench.mark(), 1);
    assert!(bench.fatal.lock().is_empty());
}

#[tokio::test]
async fn forgetting_rides_along_with_the_next_group() {
    let mut bench = bench(usize::MAX, false);
    for key in ["a", "b", "c"] {
        drop(bench.submit(key).await);
    }
    bench.queue.trim(RetentionFloors {
        history_floor: 2,
        deletions_floor: 0,
    });
    bench.queue.close("closing");
    bench.run();
    assert_eq!(*bench.written.lock(), [4], "three changes and the floors");
}
