//! Histories: concurrent clients of both protocols, a gateway that is killed, stopped and restarted under them, and a
//! search for an order that explains what all of them saw.
//!
//! `tests/linearizability-run --minutes N --seed S` runs it for hours.

#![cfg(test)]
#![expect(
    unreachable_pub,
    clippy::string_slice,
    reason = "nobody is outside, and a test that cannot go on fails"
)]

mod checker;
mod gateway;
mod history;
mod nemesis;
mod random;
mod round;
mod watch;
mod workload;

use std::time::Duration;

use gateway::Store;
use history::Counts;
use round::{Rounds, Size};
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_history_has_an_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut rounds = Rounds::new(directory.path(), Store::Embedded, 1);
    let size = Size {
        clients: 8,
        blows: 7,
    };
    let report = rounds.play(size).await;
    println!("{report}");
    assert!(report.faults.is_empty(), "{}", report.faults.join("\n"));
}

/// Two gateways on the custom resources of a cluster, one of which leads; each has an API server of its own. Short, with one
/// of the cluster's troubles: by hand, all of them befall it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
async fn every_history_of_two_gateways_has_an_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut rounds = Rounds::new(directory.path(), Store::kubernetes(), 1);
    let size = Size {
        clients: 8,
        blows: 5,
    };
    let report = rounds.play(size).await;
    println!("{report}");
    assert!(report.faults.is_empty(), "{}", report.faults.join("\n"));
}

/// The same on an etcd of three members.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd and root: tests/components get etcd-3.6"]
async fn every_history_of_two_gateways_on_etcd_has_an_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut rounds = Rounds::new(directory.path(), Store::etcd(), 1);
    let size = Size {
        clients: 8,
        blows: 6,
    };
    let report = rounds.play(size).await;
    println!("{report}");
    assert!(report.faults.is_empty(), "{}", report.faults.join("\n"));
}

/// Round after round until the time is over, on one store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs for as long as it is told: tests/linearizability-run"]
async fn by_hand() {
    let minutes: f64 = variable("TESTS_MINUTES", 1.0);
    let seed: u64 = variable("TESTS_SEED", 1);
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let directory = tempfile::tempdir().unwrap();
    let store = match variable("TESTS_STORE", "embedded".to_owned()).as_str() {
        "embedded" => Store::Embedded,
        "kubernetes" => Store::kubernetes(),
        "etcd" => Store::etcd(),
        other => panic!("TESTS_STORE={other} makes no sense"),
    };
    let mut rounds = Rounds::new(directory.path(), store, seed);
    let mut total = 0;
    for round in 1.. {
        let size = Size {
            clients: 10,
            blows: 12,
        };
        let report = rounds.play(size).await;
        let kept = rounds.kept() >> 20;
        println!("round {round}: {report}; {kept} MiB on disk");
        if !report.faults.is_empty() {
            let (faults, kept) = (report.faults.join("\n"), directory.keep());
            panic!(
                "seed {seed}, {faults}\nwhat gateways said is in {}",
                kept.display()
            );
        }
        let Counts { yes, no, unknown } = report.requests;
        total += yes + no + unknown;
        if Instant::now() > end {
            println!("seed {seed}: {round} rounds, {total} operations, all explained");
            return;
        }
    }
}

fn variable<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test binary has no other options"
    )]
    let Ok(text) = std::env::var(name) else {
        return otherwise;
    };
    let Ok(value) = text.parse() else {
        panic!("{name}={text} makes no sense");
    };
    value
}
