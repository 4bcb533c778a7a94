//! Recordings of real hosts over real stores.

use std::path::PathBuf;

use support::docker_lab::DockerLab;
use support::recorder::Recorder;
use support::recorder::record::save;

use crate::journey::Journey;
use crate::servers::Store;

/// The flags that let hosts die within seconds.
const SHORT: [&str; 4] = [
    "--cluster-store-opt",
    "discovery.heartbeat=2",
    "--cluster-store-opt",
    "discovery.ttl=6",
];

/// The file of the last live recording, also of one that failed.
fn file(store: Store) -> PathBuf {
    PathBuf::from(format!("target/docker_workload/{}.jsonl", store.name()))
}

/// Writes the records to a file when dropped.
struct Saved<'a>(&'a Recorder, PathBuf);

impl Drop for Saved<'_> {
    fn drop(&mut self) {
        save(&self.1, &self.0.records());
    }
}

fn record(store: Store) {
    let directory = tempfile::tempdir().unwrap();
    let file = file(store);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let lab = DockerLab::take();
    let server = store.start(directory.path());
    let recorder = store.recorder();
    let saved = Saved(&recorder, file);
    let journey = Journey {
        recorder: &recorder,
    };
    journey.run(&store.url(), &SHORT);
    drop((saved, lab));
    drop((recorder, server));
}

#[test]
#[ignore = "needs Docker, etcd and root: tests/run"]
fn etcd() {
    record(Store::Etcd);
}

#[test]
#[ignore = "needs Docker, Consul and root: tests/run"]
fn consul() {
    record(Store::Consul);
}

#[test]
#[ignore = "needs Docker, ZooKeeper and root: tests/run"]
fn zookeeper() {
    record(Store::ZooKeeper);
}
