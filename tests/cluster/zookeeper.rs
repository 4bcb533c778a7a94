//! Sessions of ZooKeeper's on gateways of one namespace.

use std::process::Command;

use rustix::process::Signal;

use crate::gateway::{start_with, until_ready};
use support::command::kubekv;
use support::kubernetes::namespace;
use support::kubernetes_servers::{Servers, apiserver};
use support::leadership;
use support::running::Running;
use support::zookeeper_sessions;

fn start(command: Command, namespace: &str, name: &str) -> Running {
    start_with(command, namespace, name, 4, &["--zookeeper", "127.0.0.1:0"])
}

/// A leader, and a standby that relays to it.
fn pair() -> (Running, Running) {
    let namespace = namespace();
    leadership::pair(|name| start(kubekv(), &namespace, name), "relaying")
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
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn sessions_outlive_an_outage() {
    let servers = Servers::start(1);
    servers.define();
    let mut command = kubekv();
    command.env("KUBECONFIG", servers.kubeconfig(1));
    let gateway = start(command, "default", "only");
    until_ready(&gateway);
    let signal = |signal| servers.signal(&apiserver(1), signal);
    zookeeper_sessions::sessions_outlive_an_outage(&gateway, signal);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn containers_and_ttl_nodes_end_when_the_leader_is_killed() {
    let (first, second) = pair();
    let kill = || first.signal(Signal::KILL);
    zookeeper_sessions::containers_and_ttl_nodes_end(&second, kill);
}
