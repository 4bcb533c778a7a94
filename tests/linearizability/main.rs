//! Linearizability: concurrent clients of all three protocols, a nemesis that kills, stops and restarts the gateway, and a
//! search for one order of all operations that explains the answers.
//!
//! `tests/linearizability-run --minutes N --seed S` runs it for hours.

#![cfg(test)]
#![expect(
    unreachable_pub,
    clippy::string_slice,
    reason = "a test binary exports nothing, and a test that cannot continue fails"
)]

mod checker;
mod gateway;
mod history;
mod nemesis;
mod object_layout;
mod random;
mod report;
mod round;
mod watch;
mod workload;
mod zookeeper;

use std::time::Duration;

use gateway::store::Store;
use history::OutcomeCounts;
use round::{RoundSize, Rounds};
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_store_is_linearizable() {
    check_round(Store::Embedded, 7).await;
}

/// Two gateways on the custom resources of a cluster, each at an API server of its own. Short, with one kind of cluster
/// fault; the run by hand injects all kinds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
async fn two_gateways_on_kubernetes_are_linearizable() {
    check_round(Store::kubernetes(), 5).await;
}

/// Two gateways on an etcd of three members.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd and root: tests/components get etcd-3.6"]
async fn two_gateways_on_etcd_are_linearizable() {
    check_round(Store::etcd(), 6).await;
}

/// Runs one round with this many faults.
async fn check_round(store: Store, faults: usize) {
    let directory = tempfile::tempdir().unwrap();
    let mut rounds = Rounds::new(directory.path(), store, 1);
    let size = RoundSize { clients: 8, faults };
    let report = rounds.run(size).await;
    println!("{report}");
    let violations = report.violations.join("\n");
    assert!(report.violations.is_empty(), "{violations}");
}

/// Round after round on one store until the time is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs for the minutes given: tests/linearizability-run"]
async fn rounds_stay_linearizable_by_hand() {
    let minutes: f64 = variable("TESTS_MINUTES", 1.0);
    let seed: u64 = variable("TESTS_SEED", 1);
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let directory = tempfile::tempdir().unwrap();
    let store = match variable("TESTS_STORE", "embedded".to_owned()).as_str() {
        "embedded" => Store::Embedded,
        "kubernetes" => Store::kubernetes(),
        "etcd" => Store::etcd(),
        other => panic!("TESTS_STORE={other} is no store"),
    };
    let mut rounds = Rounds::new(directory.path(), store, seed);
    let mut total = 0;
    for round in 1.. {
        let size = RoundSize {
            clients: 10,
            faults: 12,
        };
        let report = rounds.run(size).await;
        let stored = rounds.stored_bytes() >> 20;
        println!("round {round}: {report}; {stored} MiB on disk");
        if !report.violations.is_empty() {
            let (violations, kept) = (report.violations.join("\n"), directory.keep());
            panic!(
                "seed {seed}, {violations}\nthe gateways' logs are in {}",
                kept.display()
            );
        }
        let OutcomeCounts {
            done,
            refused,
            unknown,
        } = report.requests;
        total += done + refused + unknown;
        if Instant::now() > end {
            println!("seed {seed}: {round} rounds, {total} operations, all explained");
            return;
        }
    }
}

fn variable<T: std::str::FromStr>(name: &str, default: T) -> T {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test binary has no other options"
    )]
    let Ok(text) = std::env::var(name) else {
        return default;
    };
    let Ok(value) = text.parse() else {
        panic!("{name}={text} cannot be parsed");
    };
    value
}
