//! A fleet at rest, and a real dockerd whose watch of an endpoint count broke.

use support::docker_lab::{DockerLab, docker, docker_on, run};
use support::recorder::{Record, Recorder};

use crate::journey::{Journey, start_container};
use crate::live::SHORT;
use crate::servers::Store;

/// How often host a was told of a change of the hosts.
fn told(recorder: &Recorder) -> usize {
    let records = recorder.records();
    let told = |record: &&Record| {
        record.host == "a" && is_poll_of(record, "/docker/nodes") && record.ms.is_some()
    };
    records.iter().filter(told).count()
}

fn is_poll_of(record: &Record, path: &str) -> bool {
    record.target.contains("wait=true") && record.target.contains(path)
}

/// The polls of host a for an endpoint count that wait, and those that broke.
fn polls(recorder: &Recorder) -> (usize, usize) {
    let records = recorder.records();
    let polls = records
        .iter()
        .filter(|record| record.host == "a" && is_poll_of(record, "/endpoint_count/"));
    let unanswered: Vec<&Record> = polls.filter(|record| record.ms.is_none()).collect();
    let broken = unanswered.iter().filter(|record| record.lost).count();
    (unanswered.len() - broken, broken)
}

/// dockerd 20.10 begins a watch of an endpoint count anew when an event of the hosts arrives, and at no other time. Renewals are
/// no events: without the one that a broken watch causes, it would never again be told of endpoints of others.
#[test]
#[ignore = "needs Docker and root: tests/run"]
fn dockerd_begins_a_broken_watch_anew_though_heartbeats_wake_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let lab = DockerLab::take();
    let server = Store::KubekvEtcd.start(directory.path());
    let recorder = Store::KubekvEtcd.recorder();
    let journey = Journey {
        recorder: &recorder,
    };
    let beats = |count| journey.heartbeats(&["a", "b"], count, recorder.now());
    // As a tenant: the gateway was told of no path.
    let url = format!("{}/team", Store::KubekvEtcd.url());
    run(docker().args(["up", &url]).args(SHORT));
    docker_on("a", &["network", "create", "-d", "overlay", "n1"]);
    start_container("a", "a1", "n1");
    journey.until("a poll for the count", || polls(&recorder).0 == 1);
    // The first two of each host are written.
    beats(3);

    let before = told(&recorder);
    beats(3);
    assert_eq!(told(&recorder), before, "a fleet at rest wakes nobody");

    recorder.cut("/endpoint_count/");
    journey.until("the end of the poll", || polls(&recorder).1 == 1);
    journey.until("another poll", || polls(&recorder).0 == 1);
    beats(2);
    let since = told(&recorder);
    assert!(since > before, "an event brought it about");
    beats(3);
    assert_eq!(told(&recorder), since, "one event, and then rest again");
    drop((lab, recorder, server));
}
