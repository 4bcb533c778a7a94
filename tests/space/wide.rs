//! Wide changes: they hold up nobody while they are decided, and miss nothing that is written meanwhile.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use kubekv::guard::Bounds;
use kubekv::model::{Caller, Key, KeyRange};
use kubekv::space::{Committed, Draft, Keyspace, Lookup};
use kubekv::store::Store;
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore, OnFatal};
use prometheus_client::registry::Registry;
use support::faces;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::bound::{begin, end};
use super::{delete, get, put};

async fn fill(space: &Keyspace, count: usize) {
    let fill = |draft: &mut Draft<'_>| {
        for n in 0..count {
            let key = Key::user(format!("a/{n:05}"));
            let record = draft.successor(&key);
            draft.put(&key, record);
        }
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, fill).await.unwrap();
}

fn count(space: &Keyspace) -> usize {
    space.read(&Caller::System).scan(&Key::user("a/")).count()
}

/// Deletes all under `a/`, and calls `meanwhile` each time that this is decided.
async fn delete_all(space: &Keyspace, meanwhile: impl Fn(usize) + Sync) -> Committed<()> {
    let decided = AtomicUsize::new(0);
    let delete = |draft: &mut Draft<'_>| {
        draft.delete_all(&Key::user("a/"));
        meanwhile(decided.fetch_add(1, Ordering::Relaxed));
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, delete).await.unwrap()
}

/// Writes a key from within a decision; false where nobody can write while it is made.
fn writes_meanwhile(space: &Keyspace, runtime: &Handle, key: String) -> bool {
    writes_within(Duration::from_secs(20), space, runtime, key)
}

fn writes_within(patience: Duration, space: &Keyspace, runtime: &Handle, key: String) -> bool {
    let (done, wait) = mpsc::channel();
    let space = space.clone();
    runtime.spawn(async move {
        put(&space, &key, "v").await;
        // Nobody may wait for it any more.
        let _sent = done.send(());
    });
    wait.recv_timeout(patience).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn others_write_while_a_wide_change_is_decided() {
    let space = faces::space().await;
    fill(&space, 5_000).await;
    let runtime = Handle::current();
    let deleted = delete_all(&space, |decided| {
        if decided == 1 {
            assert!(writes_meanwhile(&space, &runtime, "other".to_owned()));
        }
    });
    let commit = deleted.await.commit.unwrap();
    assert_eq!((commit.changes.len(), count(&space)), (5_000, 0));
    assert_eq!(get(&space, "other").as_deref(), Some("v"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_written_into_a_wide_change_while_it_is_decided_is_not_missed() {
    let space = faces::space().await;
    fill(&space, 5_000).await;
    let runtime = Handle::current();
    let deleted = delete_all(&space, |decided| {
        if decided == 1 {
            assert!(writes_meanwhile(&space, &runtime, "a/new".to_owned()));
        }
    });
    let commit = deleted.await.commit.unwrap();
    assert_eq!((commit.changes.len(), count(&space)), (5_001, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_do_not_keep_a_wide_change_from_its_turn_for_ever() {
    let space = faces::space().await;
    fill(&space, 5_000).await;
    let runtime = Handle::current();
    let decided_in_all = AtomicUsize::new(0);
    let deleted = delete_all(&space, |decided| {
        decided_in_all.store(decided, Ordering::Relaxed);
        let key = format!("a/new{decided}");
        match decided {
            0 => {}
            1..=3 => assert!(writes_meanwhile(&space, &runtime, key)),
            // What it reads and writes is locked now: however long one waits, nobody can write there, and everywhere else.
            _ => {
                let patience = Duration::from_millis(100);
                assert!(!writes_within(patience, &space, &runtime, key));
                assert!(writes_meanwhile(&space, &runtime, "other".to_owned()));
            }
        }
    });
    assert_eq!(deleted.await.commit.unwrap().changes.len(), 5_003);
    assert_eq!(decided_in_all.load(Ordering::Relaxed), 4);
}

/// A keyspace on disk.
async fn on_disk(directory: &Path) -> Keyspace {
    let on_fatal: OnFatal = Arc::new(|why| panic!("the store failed: {why}"));
    let store = EmbeddedStore::new(EmbeddedOptions::new(directory, on_fatal));
    let admit = Arc::new(Bounds::new(store.limits()));
    let opened = Keyspace::open(Arc::new(store), admit, &mut Registry::default()).await;
    opened.unwrap().0
}

/// Entries, counts of children and indexes, as clients see them.
fn seen(space: &Keyspace) -> Vec<String> {
    let view = space.read(&Caller::System);
    let mut seen: Vec<String> = view
        .scan(&Key::user(""))
        .map(|(key, entry)| format!("{key} {}", entry.index()))
        .collect();
    for prefix in ["", "a/", "a/00001", "b/", "c"] {
        let key = Key::user(prefix);
        let node = prefix.trim_end_matches('/');
        let (index, own) = (view.prefix_index(&key), view.key_index(&key));
        seen.push(format!(
            "{prefix}: {index} {own} {:?}",
            view.directory(node)
        ));
    }
    seen
}

/// Writes and deletes beneath `b/` all the while, until it is told to stop.
struct Others {
    over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<usize>>,
}

impl Others {
    fn of(space: &Keyspace) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let write = |number: usize| {
            let (space, over) = (space.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut writes = 0;
                while !over.load(Ordering::Relaxed) {
                    put(&space, &format!("b/{number}/{}", writes % 7), "v").await;
                    delete(&space, &format!("b/{number}/{}", (writes + 3) % 7)).await;
                    writes += 2;
                }
                writes
            })
        };
        let tasks = (0..4).map(write).collect();
        Self { over, tasks }
    }

    async fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            assert!(task.await.unwrap() > 0);
        }
    }
}

/// Closes the keyspace; opened again it is the same.
async fn is_kept(space: Keyspace, directory: &Path) {
    let before = seen(&space);
    space.close().await;
    drop(space);
    let space = on_disk(directory).await;
    assert_eq!(seen(&space), before);
    space.close().await;
}

/// On a store that prepares it, others write around it all the while: what is left, and what its watches see, is that of one
/// change after another, before a restart and after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wide_deletion_that_is_prepared_is_one_change_among_others() {
    const KEYS: usize = 10_000;
    let directory = tempfile::tempdir().unwrap();
    let space = on_disk(directory.path()).await;
    fill(&space, KEYS).await;
    let others = Others::of(&space);
    for round in 0..3 {
        let mut watch = space.watch(&Caller::System, vec![KeyRange::Prefix(Key::user("a/"))]);
        let deleted = delete_all(&space, |_| {}).await;
        let commit = deleted.commit.unwrap();
        assert_eq!((commit.changes.len(), count(&space)), (KEYS, 0));
        let told = watch.try_next().unwrap().unwrap();
        assert!(Arc::ptr_eq(&told, &commit) && watch.try_next().is_none());
        let view = space.read(&Caller::System);
        assert_eq!(view.key_index(&Key::user("a/00001")), commit.revision);
        assert_eq!(view.prefix_index(&Key::user("a/")), commit.revision);
        assert!(space.read(&Caller::System).directory("a").children == 0);
        if round < 2 {
            fill(&space, KEYS).await;
        }
    }
    others.stop().await;
    put(&space, "a/00001", "again").await;
    is_kept(space, directory.path()).await;
}

/// A session's end deletes its record, too, and writes the nodes above that nobody wrote: its entries were their last children.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_end_of_a_session_with_many_entries_is_prepared_as_well() {
    const KEYS: usize = 5_000;
    const DIRECTORIES: usize = 7;
    let directory = tempfile::tempdir().unwrap();
    let space = on_disk(directory.path()).await;
    let session = begin(&space).await;
    let bind = |draft: &mut Draft<'_>| {
        let bound = (0..KEYS).all(|n| {
            let key = Key::user(format!("a/{}/{n:05}", n % DIRECTORIES));
            let record = draft.successor(&key);
            draft.put_bound(&key, session, record)
        });
        Ok::<_, Infallible>(bound)
    };
    assert!(space.commit(&Caller::System, bind).await.unwrap().reply);
    let others = Others::of(&space);
    let mut watch = space.watch(&Caller::System, vec![KeyRange::Prefix(Key::user("a/"))]);
    let (ended, revision) = end(&space, session).await;
    others.stop().await;
    assert!(ended);
    let told = watch.try_next().unwrap().unwrap();
    assert_eq!(
        (told.revision, watch.try_next().is_none()),
        (revision, true)
    );
    let puts = told.changes.iter().filter(|change| change.now.is_some());
    assert_eq!(puts.count(), DIRECTORIES);
    let view = space.read(&Caller::System);
    assert!(view.lease(session).is_none());
    let left: Vec<_> = view.scan(&Key::user("a/")).collect();
    assert_eq!(left.len(), DIRECTORIES);
    assert!(left.iter().all(|(_, entry)| entry.index() == revision));
    let counts = ["a", "a/0"].map(|node| view.directory(node).children);
    assert_eq!(counts, [u64::try_from(DIRECTORIES).unwrap(), 0]);
    let files = std::fs::read_dir(directory.path().join("store/journal")).unwrap();
    let mut names = files.map(|file| file.unwrap().file_name());
    let is_list = |name: OsString| {
        Path::new(&name)
            .extension()
            .is_some_and(|kind| kind == "list")
    };
    assert!(names.any(is_list), "its keys are in a list");
    is_kept(space, directory.path()).await;
}
