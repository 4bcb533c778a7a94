//! The writer on a failing disk: no commit is delivered before its fsync, and no failed fsync is retried.

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::*;
use crate::model::{Entry, Key, Proposal, Record, Target, Write};
use crate::store::embedded::{OnFatal, filesystem, write_until_closed};
use crate::store::{Accepted, CommitOrder, NotAccepted, RetentionFloors, Submission};

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
    let high_water_mark = HighWaterMark::open(data_dir.high_water_mark()).unwrap().0;
    let queue = Arc::new(CommitQueue::new(0));
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
        directories: DirectoryCheckpointFile::open(data_dir.directories(), Seal::default())
            .unwrap()
            .0,
        ahead: VecDeque::new(),
        unkept: None,
        data_dir,
        short: false,
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
    async fn submit(&self, key: &str) -> oneshot::Receiver<AcceptedOutcome> {
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

    /// No disk has the room that the writer asks for from now on.
    fn fill_disk(&mut self) {
        self.reserve(u64::MAX);
    }

    fn reserve(&mut self, bytes: u64) {
        let path = self.directory.path();
        self.writer.as_mut().unwrap().free_space = FreeSpace::new(path, bytes);
    }

    /// Writes what waits, as one group.
    fn turn(&mut self) {
        match self.queue.next_work(Duration::ZERO) {
            NextWork::Group(group) => self.writer.as_mut().unwrap().commit_group(group).unwrap(),
            other @ (NextWork::Wide(..) | NextWork::Idle | NextWork::Closed) => panic!("{other:?}"),
        }
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
    assert_eq!(a.await.unwrap().unwrap().unwrap().revision, 1);
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

/// A proposal that writes one key over `before`.
fn over(key: &str, before: Option<Arc<Entry>>) -> Proposal {
    let write = Write {
        target: Target::Key(Key::user(key)),
        before,
        put: Some(Record::default()),
    };
    Proposal {
        writes: vec![write],
        ..Proposal::default()
    }
}

impl Fixture {
    /// Accepts a write of a key, decided on the last one accepted.
    fn accept(&self, key: &str, before: Option<Arc<Entry>>) -> Result<Accepted, NotAccepted> {
        let generation = self.queue.generation().unwrap_or_default();
        let small = Submission::Small(over(key, before));
        self.queue.accept(generation, small, None)
    }

    fn barrier(&self) -> Accepted {
        let generation = self.queue.generation().unwrap();
        self.queue
            .accept(generation, Submission::Barrier, None)
            .unwrap()
    }
}

fn entry(accepted: &Accepted) -> Option<Arc<Entry>> {
    accepted.commit.as_ref().unwrap().changes[0].now.clone()
}

#[tokio::test]
async fn a_thousand_writes_decided_on_each_other_are_one_sync() {
    let mut fixture = fixture(usize::MAX, false);
    let mut accepted: Vec<Accepted> = Vec::new();
    for _ in 0..1_000 {
        let before = accepted.last().and_then(entry);
        accepted.push(fixture.accept("hot", before).unwrap());
    }
    let barrier = fixture.barrier();
    fixture.queue.close("closing");
    fixture.run();
    assert_eq!(*fixture.written.lock(), [1_000], "one batch");
    for (revision, accepted) in (1..).zip(accepted) {
        assert_eq!(accepted.revision, revision);
        let commit = accepted.outcome.await.unwrap().unwrap().unwrap();
        assert_eq!(commit.revision, revision);
    }
    assert_eq!(barrier.outcome.await.unwrap(), Ok(None));
    assert_eq!(fixture.high_water_mark(), 1_000);
}

#[tokio::test]
async fn an_accepted_change_is_taken_when_the_store_is_woken() {
    let fixture = fixture(usize::MAX, false);
    let queue = Arc::clone(&fixture.queue);
    // Longer than any test.
    let waits = std::thread::spawn(move || queue.next_work(Duration::from_secs(3_600)));
    let _accepted = fixture.accept("a", None).unwrap();
    fixture.queue.wake();
    let work = waits.join().unwrap();
    assert!(matches!(work, NextWork::Group(group) if group.len() == 1));
}

#[tokio::test]
async fn what_was_accepted_before_a_long_commit_is_answered_before_it_is_written() {
    let mut fixture = fixture(usize::MAX, false);
    let mut before = vec![
        fixture.accept("a", None).unwrap(),
        fixture.accept("b", None).unwrap(),
    ];
    before.push(fixture.barrier());
    let writes = (0..5_000).flat_map(|number| {
        let key = format!("wide/{number:050}");
        over(&key, None).writes
    });
    let wide = Submission::Wide(Proposal {
        writes: writes.collect(),
        ..Proposal::default()
    });
    let generation = fixture.queue.generation().unwrap();
    let mut wide = fixture.queue.accept(generation, wide, None).unwrap();
    let mut after = fixture.accept("c", None).unwrap();
    fixture.turn();
    for accepted in &mut before {
        assert!(accepted.outcome.try_recv().unwrap().is_ok());
    }
    assert!(wide.outcome.try_recv().is_err(), "not written yet");
    // What comes after it waits for it, and shares its sync.
    fixture.turn();
    assert!(wide.outcome.try_recv().unwrap().is_ok());
    assert!(after.outcome.try_recv().unwrap().is_ok());
    assert_eq!(*fixture.written.lock(), [2, 5_001]);
    assert_eq!(*fixture.sink.0.lock(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_barrier_alone_writes_nothing() {
    let mut fixture = fixture(0, false);
    let barrier = fixture.barrier();
    fixture.queue.close("closing");
    fixture.run();
    assert_eq!(barrier.outcome.await.unwrap(), Ok(None));
    assert!(fixture.written.lock().is_empty() && fixture.fatal.lock().is_empty());
}

#[tokio::test]
async fn what_rests_on_a_commit_without_space_fails_with_it() {
    let mut fixture = fixture(usize::MAX, false);
    fixture.fill_disk();
    let first = fixture.accept("a", None).unwrap();
    let second = fixture.accept("a", entry(&first)).unwrap();
    let barrier = fixture.barrier();
    let other = fixture.submit("b").await;
    fixture.queue.close("closing");
    fixture.run();
    let full = first.outcome.await.unwrap().unwrap_err();
    assert!(matches!(full, CommitError::Full(_)), "{full}");
    assert_eq!(second.outcome.await.unwrap(), Err(CommitError::Conflict));
    assert_eq!(barrier.outcome.await.unwrap(), Err(CommitError::Conflict));
    let full = other.await.unwrap().unwrap_err();
    assert!(
        matches!(full, CommitError::Full(_)),
        "judged by itself: {full}"
    );
    assert!(fixture.sink.0.lock().is_empty());
    assert_eq!(
        fixture.queue.generation(),
        None,
        "each is judged by itself now"
    );
}

#[test]
fn nothing_is_accepted_that_was_decided_on_what_failed() {
    let mut fixture = fixture(usize::MAX, false);
    let stale = fixture.queue.generation().unwrap();
    let conflict = fixture.accept("a", None).unwrap();
    // Decided on an entry that is not there.
    let wrong = fixture.accept("b", entry(&conflict)).unwrap();
    let third = fixture.accept("c", None).unwrap();
    let _ended = std::thread::scope(|scope| {
        let queue = Arc::clone(&fixture.queue);
        let writer = scope.spawn(|| fixture.run());
        for (accepted, expected) in [(conflict, true), (wrong, false), (third, false)] {
            let outcome = accepted.outcome.blocking_recv().unwrap();
            assert_eq!(outcome.is_ok(), expected, "{outcome:?}");
        }
        let small = Submission::Small(over("d", None));
        let refused = queue.accept(stale, small, None).unwrap_err();
        assert!(matches!(refused, NotAccepted::Superseded), "{refused:?}");
        let generation = queue.generation().unwrap();
        let small = Submission::Small(over("d", None));
        let again = queue.accept(generation, small, None).unwrap();
        assert_eq!(
            again.revision, 2,
            "the revisions of what failed are used again"
        );
        queue.close("closing");
        writer.join()
    });
    assert_eq!(*fixture.sink.0.lock(), [1, 2]);
}

#[tokio::test]
async fn a_failed_sync_leaves_everything_accepted_unknown() {
    let mut fixture = fixture(0, false);
    let first = fixture.accept("a", None).unwrap();
    let second = fixture.accept("a", entry(&first)).unwrap();
    let barrier = fixture.barrier();
    fixture.run();
    for accepted in [first, second, barrier] {
        let unknown = accepted.outcome.await.unwrap().unwrap_err();
        assert!(matches!(unknown, CommitError::Unknown(_)), "{unknown}");
    }
    let refused = fixture.accept("b", None).unwrap_err();
    assert!(matches!(
        refused,
        NotAccepted::Failed(CommitError::Unavailable(_))
    ));
}

#[tokio::test]
async fn a_deletion_behind_a_write_without_space_is_made_when_it_is_proposed_again() {
    let mut fixture = fixture(usize::MAX, false);
    let first = fixture.accept("a", None).unwrap();
    fixture.turn();
    // Twice the free space is more than there is, and the last quarter of such a reserve is not.
    let free = filesystem::free_bytes(fixture.directory.path()).unwrap();
    fixture.reserve(free.saturating_mul(2));
    let put = fixture.accept("b", None).unwrap();
    let delete = || {
        let mut delete = over("a", entry(&first));
        delete.writes[0].put = None;
        delete
    };
    let generation = fixture.queue.generation().unwrap();
    let behind = fixture
        .queue
        .accept(generation, Submission::Small(delete()), None)
        .unwrap();
    fixture.turn();
    let full = put.outcome.await.unwrap().unwrap_err();
    assert!(matches!(full, CommitError::Full(_)), "{full}");
    let conflict = behind.outcome.await.unwrap();
    assert_eq!(conflict, Err(CommitError::Conflict));
    // Now it takes no part in the order, and a put that is refused takes it nowhere.
    let put = fixture.queue.submit(over("c", None), 1).await.unwrap();
    let deleted = fixture.queue.submit(delete(), 1).await.unwrap();
    fixture.turn();
    let full = put.await.unwrap().unwrap_err();
    assert!(matches!(full, CommitError::Full(_)), "{full}");
    let commit = deleted.await.unwrap().unwrap().unwrap();
    assert_eq!(commit.revision, 2);
    assert_eq!(*fixture.sink.0.lock(), [1, 2]);
}
