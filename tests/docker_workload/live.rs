//! Recordings of real hosts over real stores, and over kubekv, compared with the stored ones.
//!
//! `TESTS_RECORD=1` stores them instead, of hosts with the heartbeats that they have by default: then it takes five minutes.

use std::path::PathBuf;

use support::docker_lab::DockerLab;
use support::recorder::form::{is_list, is_poll};
use support::recorder::profile::{Profile, differences};
use support::recorder::record::{load, save};
use support::recorder::{Record, Recorder};

use crate::journey::Journey;
use crate::servers::Store;

/// The flags that let hosts die within seconds.
pub(crate) const SHORT: [&str; 4] = [
    "--cluster-store-opt",
    "discovery.heartbeat=2",
    "--cluster-store-opt",
    "discovery.ttl=6",
];

/// How many recordings must show a difference. Real daemons have races of their own: at its end, dockerd 20.10 calls a container
/// stopped before it has removed its endpoint, and the process may end in between.
const RECORDINGS: usize = 3;

/// The longest answer of a single key that is stored.
const LONGEST: usize = 200;

/// The file of the last live recording, also of one that failed.
fn last(store: Store) -> PathBuf {
    PathBuf::from(format!("target/docker_workload/{}.jsonl", store.name()))
}

/// The stored recording.
pub(crate) fn stored(store: Store) -> PathBuf {
    let folder = PathBuf::from("tests/docker_workload/recorded");
    folder.join(format!("{}.jsonl", store.name()))
}

/// Writes the records to a file when dropped.
struct Saved<'a>(&'a Recorder, PathBuf);

impl Drop for Saved<'_> {
    fn drop(&mut self) {
        save(&self.1, &self.0.records());
    }
}

fn record(store: Store, flags: &[&str]) -> Vec<Record> {
    let directory = tempfile::tempdir().unwrap();
    let file = last(store);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let lab = DockerLab::take();
    let server = store.start(directory.path());
    let recorder = store.recorder();
    let saved = Saved(&recorder, file);
    let journey = Journey {
        recorder: &recorder,
    };
    journey.run(&store.url(), flags);
    drop((saved, lab));
    let records = recorder.records();
    drop((recorder, server));
    records
}

/// A record without the part of its answer that no profile needs.
fn trimmed(mut record: Record) -> Record {
    let is_long = record.method == "GET" && (is_list(&record) || is_poll(&record));
    record.answer = record
        .answer
        .filter(|answer| !is_long && answer.len() <= LONGEST);
    record
}

#[expect(clippy::disallowed_methods, reason = "it is asked to store recordings")]
fn compare_or_store(store: Store) {
    if std::env::var("TESTS_RECORD").is_ok() {
        let records = record(store, &[]).into_iter().map(trimmed);
        save(&stored(store), &records.collect::<Vec<_>>());
        return;
    }
    compare(store, store);
}

/// Compares live recordings over one store with the stored one over another.
fn compare(store: Store, with: Store) {
    let expected = Profile::of(&load(&stored(with)));
    let found = lasting(RECORDINGS, || {
        differences(&expected, &Profile::of(&record(store, &SHORT)))
    });
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The differences that every one of so many recordings shows; it stops at the first recording that leaves none.
fn lasting(recordings: usize, mut recorded: impl FnMut() -> Vec<String>) -> Vec<String> {
    let mut lasting = recorded();
    for _ in 1..recordings {
        if lasting.is_empty() {
            break;
        }
        println!("recorded again, because of\n{}\n", lasting.join("\n"));
        let next = recorded();
        lasting.retain(|line| next.contains(line));
    }
    lasting
}

#[test]
fn a_difference_counts_when_every_recording_shows_it() {
    let lines = |words: &str| {
        words
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let of = |recordings: &[&str]| {
        let mut left = recordings.iter().map(|words| lines(words));
        let found = lasting(recordings.len(), || left.next().unwrap());
        (found, left.len())
    };
    assert_eq!(of(&["", "a", "a"]), (lines(""), 2));
    assert_eq!(of(&["a b", "c", "a"]), (lines(""), 1));
    assert_eq!(of(&["a b", "b c", "b"]), (lines("b"), 0));
}

#[test]
#[ignore = "needs Docker, etcd and root: tests/run"]
fn recorded_live_profile_equals_the_stored_one_over_etcd() {
    compare_or_store(Store::Etcd);
}

#[test]
#[ignore = "needs Docker, Consul and root: tests/run"]
fn recorded_live_profile_equals_the_stored_one_over_consul() {
    compare_or_store(Store::Consul);
}

#[test]
#[ignore = "needs Docker, ZooKeeper and root: tests/run"]
fn recorded_live_profile_equals_the_stored_one_over_zookeeper() {
    compare_or_store(Store::ZooKeeper);
}

#[test]
#[ignore = "by hand: cargo test --test docker_workload -- --ignored over_kubekv"]
fn recorded_live_profile_over_kubekv_equals_the_stored_one_by_hand() {
    compare(Store::KubekvZooKeeper, Store::ZooKeeper);
}
