//! Leadership of two gateways on one namespace.

use crate::gateway::{put, start, until_ready};
use support::command::kubekv;
use support::kubernetes::{kubectl, namespace};
use support::leadership;
use support::running::Running;

/// A leader and a standby.
fn pair(namespace: &str) -> (Running, Running) {
    leadership::pair(|name| start(namespace, name), "relaying")
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn standby_takes_over_after_kill_9() {
    leadership::follower_takes_over_after_kill_9(pair(&namespace()));
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn hosts_at_rest_survive_a_takeover() {
    leadership::hosts_at_rest_survive_a_takeover(pair(&namespace()));
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn stopping_leader_hands_over() {
    let namespace = namespace();
    // So long that only leadership that was handed over can be taken.
    let long = |name: &str| {
        let store = format!("kubernetes:{namespace}");
        let duration = ["--lead-duration", "300", "--node-name", name];
        Running::start_by(kubekv(), &[&["--store", &store], &duration[..]].concat())
    };
    let first = long("first");
    until_ready(&first);
    let second = long("second");
    leadership::leader_hands_over(first, &second);
    assert_eq!(second.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn paused_leader_neither_reads_nor_writes() {
    leadership::paused_leader_neither_reads_nor_writes(pair(&namespace()), "relaying");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn deleted_leader_record_is_taken_again() {
    let namespace = namespace();
    let gateway = start(&namespace, "only");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    let record = || {
        let names = kubectl(&["-n", &namespace, "get", "kv", "-o", "name"], &[]).unwrap();
        let mut names = names.lines();
        let name = names.find(|name| name.contains("kubekv.lead-"));
        name.map(str::to_owned)
    };
    let delete = || {
        kubectl(&["-n", &namespace, "delete", &record().unwrap()], &[]).unwrap();
    };
    leadership::deleted_record_is_taken_again(&gateway, delete, || record().is_some());
    assert_eq!(gateway.stop().code, 0);
}
