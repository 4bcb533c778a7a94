//! Sessions of ZooKeeper's on gateways of one namespace.

use rustix::process::Signal;

use support::command::kubekv;
use support::kubernetes::namespace;
use support::leadership;
use support::running::Running;
use support::zookeeper_sessions;

fn start(namespace: &str, name: &str) -> Running {
    let store = format!("kubernetes:{namespace}");
    let arguments = [
        "--store",
        &store,
        "--node-name",
        name,
        "--lead-duration",
        "4",
    ];
    let zookeeper = ["--zookeeper", "127.0.0.1:0"];
    Running::start_by(kubekv(), &[&arguments[..], &zookeeper].concat())
}

/// A leader, and a standby that relays to it.
fn pair() -> (Running, Running) {
    let namespace = namespace();
    leadership::pair(|name| start(&namespace, name), "relaying")
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn sessions_last_when_the_leader_is_killed() {
    let (first, second) = pair();
    zookeeper_sessions::sessions_last(&second, || first.signal(Signal::KILL));
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_paused_leader_answers_no_session() {
    zookeeper_sessions::a_paused_leader_answers_no_session(pair(), "relaying");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn containers_and_ttl_nodes_end_when_the_leader_is_killed() {
    let (first, second) = pair();
    let kill = || first.signal(Signal::KILL);
    zookeeper_sessions::containers_and_ttl_nodes_end(&second, kill);
}
