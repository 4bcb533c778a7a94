//! Kill -9 under load: acknowledged commits survive.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kubekv::model::{Entry, Key};
use kubekv::store::embedded::EmbeddedStore;
use kubekv::store::{RetentionFloors, Store, StoreContents};

use crate::common::{commit, delete, entry, look, open, put, write};

/// The directory that the child writes to; set by the parent.
const DIRECTORY: &str = "KUBEKV_TEST_KILL_DIRECTORY";

const TASKS: u64 = 8;

const ROUNDS: u64 = 24;

/// How many entries one commit makes, and another one deletes, and what their keys begin with.
const MANY: usize = 1_100;
const WIDE: &str = "wide/";

/// A small generator with a seed, so that a failure can be repeated.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % most
    }
}

/// The last acknowledged commit of a key: its revision, and the short form of its value, or `None`.
type Acknowledged = HashMap<String, (u64, Option<String>)>;

/// The child: writes until it is killed, and prints each commit once it is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of acknowledged_commits_survive_kill_9"]
async fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    write_for_ever(PathBuf::from(directory)).await;
}

async fn write_for_ever(directory: PathBuf) {
    let (store, opened) = open(&directory).await.unwrap();
    let store = Arc::new(store);
    let mut tasks = tokio::task::JoinSet::new();
    let live: HashMap<Key, Arc<Entry>> = opened.entries.into_iter().collect();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        let mut own: HashMap<Key, Arc<Entry>> = live
            .iter()
            .filter(|(key, _)| key.as_str().unwrap().starts_with(&format!("{task}/")))
            .map(|(key, entry)| (key.clone(), Arc::clone(entry)))
            .collect();
        let mut random = Random(opened.revision * TASKS + task + 1);
        tasks.spawn(async move {
            for n in 0_u64.. {
                let key = Key::user(format!("{task}/{}", random.below(20)));
                let before = own.remove(&key);
                let (short, revision) = match before {
                    Some(before) if random.below(4) == 0 => {
                        let commit = delete(&*store, &key, &before).await.unwrap();
                        ("-".to_owned(), commit.revision)
                    }
                    before => {
                        // Long ones fill journals and table files, so that the kill meets flushes and compactions.
                        let most = if random.below(8) == 0 { 300_000 } else { 900 };
                        let short = format!("{n}:{}", random.below(most));
                        let commit = put(&*store, &key, before.as_ref(), &value(&short)).await;
                        let commit = commit.unwrap();
                        own.insert(key.clone(), entry(&commit, &key));
                        (short, commit.revision)
                    }
                };
                acknowledge(revision, &key, &short);
                store.trim(RetentionFloors {
                    history_floor: revision.saturating_sub(300),
                    deletions_floor: revision.saturating_sub(600),
                });
            }
        });
    }
    tasks.spawn(delete_many_for_ever(Arc::clone(&store), live));
    tasks.join_all().await;
}

/// Makes many entries in one commit and deletes them in one. The first of them stands for all.
async fn delete_many_for_ever(store: Arc<EmbeddedStore>, live: HashMap<Key, Arc<Entry>>) {
    let keys: Vec<Key> = (0..MANY)
        .map(|n| Key::user(format!("{WIDE}{n:04}")))
        .collect();
    let mut own: Vec<_> = keys
        .iter()
        .filter_map(|key| live.get(key).cloned())
        .collect();
    for _ in 0_u64.. {
        if own.is_empty() {
            let puts = keys.iter().map(|key| write(key, None, Some(&value("0:0"))));
            let made = commit(&*store, puts.collect()).await.unwrap();
            own = keys.iter().map(|key| entry(&made, key)).collect();
            acknowledge(made.revision, &keys[0], "0:0");
        }
        let deletes = keys.iter().zip(&own);
        let deletes = deletes.map(|(key, before)| write(key, Some(before), None));
        let gone = commit(&*store, deletes.collect()).await.unwrap();
        own.clear();
        acknowledge(gone.revision, &keys[0], "-");
    }
}

/// One write call a line: a line the parent sees whole was acknowledged.
fn acknowledge(revision: u64, key: &Key, short: &str) {
    std::io::stdout()
        .lock()
        .write_all(format!("ack {revision} {key} {short}\n").as_bytes())
        .unwrap();
}

/// The value that `number:length` stands for.
fn value(short: &str) -> String {
    let length = short.split_once(':').unwrap().1.parse().unwrap();
    let fill = short.bytes().cycle().map(char::from).take(length);
    format!("{short}-{}", fill.collect::<String>())
}

/// The short form of an entry's value, `number:length`.
fn short(entry: &Entry) -> String {
    let text = std::str::from_utf8(entry.value()).unwrap();
    let short = text.split_once('-').unwrap().0;
    assert_eq!(text, value(short), "the value is whole");
    short.to_owned()
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads acknowledgements, kills the child after some of them, and reads the remaining ones.
fn run_and_kill(mut child: Child, after: u64, acknowledged: &mut Acknowledged) -> u64 {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut count = 0;
    let mut highest = 0;
    while let Some(Ok(line)) = lines.next() {
        let line = String::from_utf8(line).unwrap();
        let Some(commit) = line.split_once("ack ").map(|(_, rest)| rest) else {
            continue;
        };
        let mut words = commit.split(' ');
        let (Some(revision), Some(key), Some(value)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let revision = revision.parse().unwrap();
        let value = (value != "-").then(|| value.to_owned());
        let newer = acknowledged
            .get(key)
            .is_none_or(|(known, _)| *known < revision);
        assert!(newer, "revision {revision} of {key} was given out twice");
        acknowledged.insert(key.to_owned(), (revision, value));
        highest = highest.max(revision);
        count += 1;
        if count == after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= after, "the child ended by itself after {count}");
    highest
}

fn compare(opened: &StoreContents, acknowledged: &Acknowledged, highest: u64) {
    assert!(opened.revision >= highest);
    let revisions: Vec<_> = opened
        .history
        .iter()
        .map(|commit| commit.revision)
        .collect();
    assert_eq!(
        revisions,
        (opened.history_floor + 1..=opened.revision).collect::<Vec<_>>(),
        "none is missing, none is there twice"
    );
    let live: BTreeMap<_, _> = opened
        .entries
        .iter()
        .map(|(key, entry)| (key.to_string(), entry))
        .collect();
    let wide = live.keys().filter(|key| key.starts_with(WIDE)).count();
    assert!(wide == 0 || wide == MANY, "{wide} of {MANY}");
    for (key, (revision, value)) in acknowledged {
        let entry = live.get(key);
        let found = entry.map_or_else(
            || {
                opened
                    .deletions
                    .iter()
                    .find(|(gone, _)| gone.to_string() == *key)
                    .map(|(_, at)| *at)
            },
            |entry| Some(entry.index()),
        );
        // A later commit of this key may be durable without its acknowledgement; an older one must not be left.
        match found {
            Some(found) if found == *revision => {
                let text = entry.map(|entry| short(entry));
                assert_eq!(text, *value, "{key} at {revision}");
            }
            Some(found) => assert!(
                found > *revision,
                "{key} is back at {found} from {revision}"
            ),
            None => {
                assert_eq!(*value, None, "{key} of {revision} is lost");
                assert!(*revision <= opened.deletions_floor);
            }
        }
    }
}

#[test]
fn acknowledged_commits_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut random = Random(20_261_123);
    let mut acknowledged = Acknowledged::new();
    let mut highest = 0;
    for round in 0..ROUNDS {
        let after = 1 + random.below(400);
        let child = start(dir.path());
        highest = run_and_kill(child, after, &mut acknowledged).max(highest);
        let opened = runtime.block_on(look(dir.path())).unwrap();
        compare(&opened, &acknowledged, highest);
        for entry in opened.entries.into_iter().filter(is_watched) {
            let known = acknowledged.get(&entry.0.to_string());
            if known.is_none_or(|(revision, _)| *revision < entry.1.index()) {
                let value = short(&entry.1);
                acknowledged.insert(entry.0.to_string(), (entry.1.index(), Some(value)));
            }
        }
        for (key, at) in opened.deletions.into_iter().filter(is_watched) {
            acknowledged.insert(key.to_string(), (at, None));
        }
        assert!(highest > round, "round {round}");
    }
}

/// Of the entries that are made and deleted together one is enough.
fn is_watched<T>((key, _): &(Key, T)) -> bool {
    let key = key.to_string();
    !key.starts_with(WIDE) || key.ends_with("/0000")
}

/// The child is killed after a time of its own in each round, so that the signal lands in all parts of a first start.
#[test]
fn first_start_survives_kill_9_at_any_moment() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut random = Random(5);
    for _ in 0..30 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = start(dir.path());
        std::thread::sleep(Duration::from_micros(random.below(50_000)));
        child.kill().unwrap();
        let mut acknowledged = Acknowledged::new();
        let highest = run_and_kill(child, 0, &mut acknowledged);
        let opened = runtime.block_on(look(dir.path())).unwrap();
        compare(&opened, &acknowledged, highest);
    }
}
