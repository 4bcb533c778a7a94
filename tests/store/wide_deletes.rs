//! Wide deletions of the embedded store: prepared beside other commits, and the same as any after a restart.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use kubekv::model::{Cause, Commit, Entry, Key, Proposal, Revision};
use kubekv::store::{CommitError, CommitSink, PreparedDelivery, RetentionFloors, Store};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::common::{Recorder, commit, embedded, entry, look, open, put, sorted, write};

/// Enough for a deletion to be prepared.
const MANY: usize = 1_500;

fn keys() -> Vec<Key> {
    (0..MANY).map(|n| Key::user(format!("w/{n:04}"))).collect()
}

/// Makes the entries, in one commit.
async fn make(store: &dyn Store, keys: &[Key]) -> Vec<Arc<Entry>> {
    let puts = keys.iter().map(|key| write(key, None, Some("v")));
    let made = commit(store, puts.collect()).await.unwrap();
    let entries = made.changes.iter().map(|own| own.now.clone());
    entries.map(Option::unwrap).collect()
}

fn deletion(keys: &[Key], entries: &[Arc<Entry>]) -> Proposal {
    let all = keys.iter().zip(entries);
    Proposal {
        cause: Cause::Delete,
        subject: Some(Key::user("w/")),
        writes: all
            .map(|(key, before)| write(key, Some(before), None))
            .collect(),
    }
}

/// The lists beside the journals.
fn lists(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory.join("store/journal")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == "list"))
        .collect()
}

#[tokio::test]
async fn a_wide_deletion_is_whole_after_a_restart_and_after_its_journal_was_moved() {
    let dir = tempfile::tempdir().unwrap();
    let (store, sink) = (embedded(dir.path()), Recorder::new());
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let keys = keys();
    let entries = make(&store, &keys).await;
    let other = Key::user("other");
    let (deleted, written) = tokio::join!(
        store.commit(deletion(&keys, &entries)),
        put(&store, &other, None, "v")
    );
    let (deleted, written) = (deleted.unwrap(), written.unwrap());
    assert_eq!(deleted.changes.len(), MANY);
    // A key of it is written again: its deletion is obsolete then.
    put(&store, &keys[7], None, "again").await.unwrap();
    store.close().await;
    assert_eq!(lists(dir.path()).len(), 1);

    let check = |opened: &kubekv::store::StoreContents| {
        assert_eq!(opened.history, sink.delivered(), "`before` included");
        let left: Vec<_> = sorted(opened).into_iter().map(|(key, _)| key).collect();
        assert_eq!(left, [other.clone(), keys[7].clone()]);
        assert_eq!(opened.deletions.len(), MANY - 1);
        let at = deleted.revision;
        assert!(opened.deletions.iter().all(|(_, revision)| *revision == at));
    };
    check(&look(dir.path()).await.unwrap());

    let (store, _) = open(dir.path()).await.unwrap();
    fill_journal(&store, &other, entry(&written, &other)).await;
    store.close().await;
    assert_eq!(lists(dir.path()), Vec::<PathBuf>::new());
    let opened = look(dir.path()).await.unwrap();
    assert_eq!(opened.history[..sink.delivered().len()], sink.delivered());
}

/// Writes so much that the journal is moved to the table.
async fn fill_journal(store: &dyn Store, key: &Key, mut before: Arc<Entry>) {
    for _ in 0..6 {
        let long = "v".repeat(2 << 20);
        let commit = put(store, key, Some(&before), &long).await.unwrap();
        before = entry(&commit, key);
    }
}

/// As the end of a session with many ephemerals: its record goes, and what is above them stays.
#[tokio::test]
async fn what_a_wide_deletion_writes_besides_has_its_place_in_it_after_a_restart_too() {
    let dir = tempfile::tempdir().unwrap();
    let (store, sink) = (embedded(dir.path()), Recorder::new());
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    let keys = keys();
    let entries = make(&store, &keys).await;
    let [lease, kept] = [Key::system("lease"), Key::user("kept")];
    let new = Key::user("w");
    let leased = put(&store, &lease, None, "l").await.unwrap();
    let first = put(&store, &kept, None, "v").await.unwrap();
    let mut deletion = deletion(&keys, &entries);
    let end = write(&lease, Some(&entry(&leased, &lease)), None);
    deletion.writes.insert(0, end);
    let again = write(&kept, Some(&entry(&first, &kept)), Some("again"));
    deletion.writes.insert(700, again);
    deletion.writes.push(write(&new, None, Some("new")));
    let made = store.commit(deletion).await.unwrap();
    let order: Vec<_> = made.changes.iter().map(|own| own.key.clone()).collect();
    assert_eq!((order.len(), &order[0]), (MANY + 3, &lease));
    assert_eq!((&order[700], &order[MANY + 2]), (&kept, &new));
    let place = u32::try_from(MANY).unwrap() + 2;
    assert_eq!(
        entry(&made, &new).modified,
        Revision::new(made.revision, place)
    );
    // The next write of what it wrote rests on that.
    let before = entry(&made, &kept);
    let last = put(&store, &kept, Some(&before), "last").await.unwrap();
    let stale = put(&store, &kept, Some(&before), "late").await;
    assert!(matches!(stale, Err(CommitError::Conflict)), "{stale:?}");
    store.close().await;
    assert_eq!(lists(dir.path()).len(), 1, "it was prepared");

    let check = |opened: &kubekv::store::StoreContents| {
        let told = sink.delivered();
        assert_eq!(opened.history[..told.len()], told, "`before` included");
        let left: Vec<_> = sorted(opened).into_iter().map(|(key, _)| key).collect();
        assert_eq!(left, [kept.clone(), new.clone()]);
        assert_eq!(opened.deletions.len(), MANY + 1);
    };
    check(&look(dir.path()).await.unwrap());
    let (store, _) = open(dir.path()).await.unwrap();
    fill_journal(&store, &kept, entry(&last, &kept)).await;
    store.close().await;
    assert_eq!(lists(dir.path()), Vec::<PathBuf>::new());
    check(&look(dir.path()).await.unwrap());
}

#[tokio::test]
async fn what_a_wide_deletion_made_obsolete_is_trimmed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await.unwrap();
    let keys = keys();
    let entries = make(&store, &keys).await;
    let deleted = store.commit(deletion(&keys, &entries)).await.unwrap();
    let again = put(&store, &keys[3], None, "again").await.unwrap();
    let floors = RetentionFloors {
        history_floor: again.revision,
        deletions_floor: again.revision,
    };
    store.trim(floors);
    // Each commit trims a step.
    let mut before = entry(&again, &keys[3]);
    for _ in 0..100 {
        let commit = put(&store, &keys[3], Some(&before), "v").await.unwrap();
        before = entry(&commit, &keys[3]);
    }
    store.close().await;
    let opened = look(dir.path()).await.unwrap();
    assert_eq!(opened.deletions, Vec::new(), "{}", deleted.revision);
    assert_eq!(
        (opened.entries.len(), opened.deletions_floor),
        (1, again.revision)
    );
}

#[tokio::test]
async fn a_wide_deletion_of_what_has_changed_is_refused_and_leaves_all_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await.unwrap();
    let keys = keys();
    let entries = make(&store, &keys).await;
    let last = &keys[MANY - 1];
    put(&store, last, entries.last(), "changed").await.unwrap();
    let refused = store.commit(deletion(&keys, &entries)).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    // The first of them can be written as before.
    put(&store, &keys[0], entries.first(), "v").await.unwrap();
    store.close().await;
    assert_eq!(lists(dir.path()), Vec::<PathBuf>::new());
    let opened = look(dir.path()).await.unwrap();
    assert_eq!((opened.entries.len(), opened.deletions.len()), (MANY, 0));
}

#[tokio::test]
async fn a_list_that_no_journal_names_is_removed_and_one_that_is_damaged_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).await.unwrap();
    let keys = keys();
    let entries = make(&store, &keys).await;
    store.commit(deletion(&keys, &entries)).await.unwrap();
    store.close().await;
    // Of a deletion that had no revision yet when the process was killed.
    let stray = dir.path().join("store/journal/00000000deadbeef.list");
    fs::write(&stray, b"torn").unwrap();
    let named: Vec<_> = lists(dir.path());
    look(dir.path()).await.unwrap();
    assert!(!stray.exists());
    let [list] = &lists(dir.path())[..] else {
        panic!("{named:?}");
    };
    let mut bytes = fs::read(list).unwrap();
    bytes[MANY] ^= 1;
    fs::write(list, &bytes).unwrap();
    let line = look(dir.path()).await.unwrap_err().to_string();
    assert!(line.contains(".list: checksum does not match"), "{line}");
    fs::remove_file(list).unwrap();
    let line = look(dir.path()).await.unwrap_err().to_string();
    assert!(line.contains(".list: No such file"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_closed_makes_a_wide_deletion_whole_or_not_at_all() {
    let keys = keys();
    for round in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = open(dir.path()).await.unwrap();
        let entries = make(&store, &keys).await;
        let deleting = store.commit(deletion(&keys, &entries));
        let closing = async {
            // Closed at another step of it in each round.
            for _ in 0..round * 40 {
                tokio::task::yield_now().await;
            }
            store.close().await;
        };
        let (deleted, ()) = tokio::join!(deleting, closing);
        let left = match deleted {
            Ok(_) => 0,
            Err(CommitError::Unavailable(_)) => MANY,
            Err(other) => panic!("{other:?}"),
        };
        let opened = look(dir.path()).await.unwrap();
        assert_eq!(opened.entries.len(), left, "round {round}");
    }
}

/// A sink that gets ready for a wide deletion when it is told to.
struct Held {
    asked: mpsc::Sender<()>,
    told: Mutex<mpsc::Receiver<()>>,
}

impl CommitSink for Held {
    fn deliver(&self, _commits: Vec<Arc<Commit>>) {}

    fn prepare_wide(&self, _commit: &Arc<Commit>) -> PreparedDelivery {
        self.asked.send(()).unwrap();
        self.told.lock().recv().unwrap();
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_write_while_a_deletion_is_prepared_that_is_longer_than_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(embedded(dir.path()));
    let (asked, was_asked) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let told = Mutex::new(told);
    store.open(Arc::new(Held { asked, told })).await.unwrap();
    // With what each takes in a journal besides, they are more than 64 MiB.
    let keys: Vec<Key> = (0..27_000)
        .map(|n| Key::user(format!("w/{n:02000}")))
        .collect();
    let entries = make(&*store, &keys).await;
    let deleting = tokio::spawn({
        let (store, deletion) = (Arc::clone(&store), deletion(&keys, &entries));
        async move { store.commit(deletion).await }
    });
    spawn_blocking(move || was_asked.recv())
        .await
        .unwrap()
        .unwrap();
    let other = Key::user("other");
    let written = timeout(Duration::from_secs(60), put(&*store, &other, None, "v"));
    let written = written.await.expect("nobody waits for the deletion");
    tell.send(()).unwrap();
    let deleted = deleting.await.unwrap().unwrap();
    assert!(written.unwrap().revision < deleted.revision);
    store.close().await;
}
