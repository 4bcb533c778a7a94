//! Directories on the embedded store: exact after kill -9, after a backup, and as exact as can be after an older version.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use kubekv::guard::Bounds;
use kubekv::model::{Caller, Key};
use kubekv::space::{Directory, Draft, Keyspace, Lookup};
use kubekv::store::Store;
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore, backup, check};
use prometheus_client::registry::Registry;

use crate::kill::Random;

/// The directory that the child writes to; set by the parent.
const DIRECTORY: &str = "KUBEKV_TEST_DIRECTORIES";

const ROUNDS: u64 = 3;
/// Acknowledged commits of a round.
const COMMITS: usize = 1_000;
const TASKS: u64 = 8;
const PARENTS: [&str; 3] = ["a", "a/deep/one", "b"];

async fn open(directory: &Path) -> Keyspace {
    let options = EmbeddedOptions::new(directory, Arc::new(|why| panic!("{why}")));
    let store = Arc::new(EmbeddedStore::new(options));
    let admit = Arc::new(Bounds::new(store.limits()));
    let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
    opened.unwrap().0
}

fn name(parent: &str, number: u64) -> Key {
    Key::user(format!("{parent}/n-{number:010}"))
}

/// Creates the next child of a node, named by its number.
async fn create(space: &Keyspace, parent: &str, value: &str) -> u64 {
    let create = |draft: &mut Draft<'_>| {
        let number = draft.directory(parent).ever;
        let key = name(parent, number);
        assert!(draft.get(&key).is_none(), "{key:?} is there");
        let mut record = draft.successor(&key);
        record.value = value.to_owned().into();
        draft.put(&key, record);
        Ok::<_, Infallible>(number)
    };
    let done = space.commit(&Caller::System, create).await;
    done.unwrap().reply
}

async fn delete(space: &Keyspace, parent: &str, number: u64) {
    let key = name(parent, number);
    let delete = |draft: &mut Draft<'_>| Ok::<_, Infallible>(draft.delete(&key));
    let done = space.commit(&Caller::System, delete).await;
    assert!(done.unwrap().reply);
}

/// The child: creates and deletes until it is killed, and prints each number once it is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of counts_and_numbers_survive_kill_9"]
async fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    write_for_ever(PathBuf::from(directory)).await;
}

async fn write_for_ever(directory: PathBuf) {
    let space = open(&directory).await;
    let revision = space.read(&Caller::System).revision();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let space = space.clone();
        let mut random = Random(revision * TASKS + task + 1);
        tasks.spawn(async move {
            let mut own: Vec<(&str, u64)> = Vec::new();
            loop {
                let length = usize::try_from(random.below(60_000)).unwrap();
                let parent = PARENTS[usize::try_from(random.below(3)).unwrap()];
                let number = create(&space, parent, &"v".repeat(length)).await;
                own.push((parent, number));
                // One write call a line: a line that the parent sees whole was acknowledged.
                let line = format!("ack {parent} {number}\n");
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                while own.len() > 3 {
                    let place = usize::try_from(random.below(4)).unwrap();
                    let (parent, number) = own.swap_remove(place);
                    delete(&space, parent, number).await;
                }
            }
        });
    }
    tasks.join_all().await;
}

/// Runs the child, kills it after some acknowledgements, and notes the highest number of each parent.
fn run_and_kill(directory: &Path, highest: &mut BTreeMap<String, u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "directories::child", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut count = 0;
    while let Some(Ok(line)) = lines.next() {
        let line = String::from_utf8(line).unwrap();
        let Some((_, acknowledged)) = line.split_once("ack ") else {
            continue;
        };
        let Some((parent, number)) = acknowledged.split_once(' ') else {
            continue;
        };
        let known = highest.entry(parent.to_owned()).or_default();
        *known = (*known).max(number.parse().unwrap());
        count += 1;
        if count == COMMITS {
            child.kill().unwrap();
        }
    }
    assert!(count >= COMMITS, "the child ended by itself after {count}");
    child.wait().unwrap();
}

/// The children of a parent that are there: how many, and the highest number.
fn there(space: &Keyspace, parent: &str) -> (u64, u64) {
    let view = space.read(&Caller::System);
    let prefix = format!("{parent}/n-");
    let mut found = (0, 0);
    for (key, _) in view.scan(&Key::user(&prefix)) {
        let number = key.as_str().unwrap().strip_prefix(&prefix).unwrap();
        let number: u64 = number.parse().unwrap();
        found = (found.0 + 1, found.1.max(number));
    }
    found
}

/// Every number was given out once: a count that lost one would give it out again, one that gained would leave a gap.
#[tokio::test]
async fn counts_and_numbers_survive_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut highest = BTreeMap::new();
    for round in 0..ROUNDS {
        run_and_kill(directory.path(), &mut highest);
        let space = open(directory.path()).await;
        for parent in PARENTS {
            let (children, last) = there(&space, parent);
            let own = space.read(&Caller::System).directory(parent);
            let deep = u64::from(parent == "a");
            assert_eq!(own.children, children + deep, "{parent} in round {round}");
            // What was not acknowledged may be there or not; nothing that was not was deleted.
            let known = highest.get(parent).copied().unwrap_or(0).max(last);
            let numbered = own.ever;
            assert_eq!(numbered, known + 1, "{parent} in round {round}");
        }
        space.close().await;
    }
    let report = check(directory.path()).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    // Or else the history alone would have done.
    assert!(report.history_floor > 0, "{report:?}");
    assert!(report.directories_revision >= report.history_floor && report.directories_exact);
}

/// Creates so many children and deletes all but three, many at once.
async fn create_and_delete(space: &Keyspace, parent: &'static str, count: u64, value: &str) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..count {
        if tasks.len() >= 32 {
            tasks.join_next().await.unwrap().unwrap();
        }
        let (space, value) = (space.clone(), value.to_owned());
        tasks.spawn(async move {
            let number = create(&space, parent, &value).await;
            if number > 2 {
                delete(&space, parent, number).await;
            }
        });
    }
    tasks.join_all().await;
}

/// Fills a store until history was dropped, so that a checkpoint is all that is left of it.
async fn filled(directory: &Path) -> Vec<(&'static str, Directory)> {
    let space = open(directory).await;
    create_and_delete(&space, "p", 300, "").await;
    create_and_delete(&space, "big", 1_000, &"v".repeat(36_000)).await;
    // Trimming goes on while the writer has nothing else to do.
    let known = |space: &Keyspace| {
        ["p", "big", ""].map(|path| (path, space.read(&Caller::System).directory(path)))
    };
    let all = known(&space).to_vec();
    for _ in 0..40 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        create(&space, "tick", "").await;
    }
    space.close().await;
    all
}

fn same(all: &[(&str, Directory)], space: &Keyspace) {
    for (path, directory) in all.iter().filter(|(path, _)| !path.is_empty()) {
        assert_eq!(
            space.read(&Caller::System).directory(path),
            *directory,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_backup_has_the_counts_and_a_store_without_them_has_what_can_be_known() {
    let directory = tempfile::tempdir().unwrap();
    let (original, copy) = (
        directory.path().join("original"),
        directory.path().join("copy"),
    );
    let all = filled(&original).await;
    let report = check(&original).unwrap();
    assert!(
        report.history_floor > 700,
        "what happened to p is trimmed: {report:?}"
    );
    assert!(report.directories_exact && report.directories > 0);
    let space = open(&original).await;
    same(&all, &space);
    space.close().await;
    assert!(backup(&original, &copy).unwrap().directories_exact);
    let space = open(&copy).await;
    same(&all, &space);
    space.close().await;
    // As an older version leaves a store of its own: it opens, and no child that is there is missed.
    fs::remove_file(copy.join("store/directories")).unwrap();
    assert!(!check(&copy).unwrap().directories_exact);
    let space = open(&copy).await;
    let directory = space.read(&Caller::System).directory("p");
    assert_eq!((directory.children, directory.ever), (3, 3));
    space.close().await;
}
