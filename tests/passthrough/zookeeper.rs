//! Sessions of ZooKeeper's on gateways of one prefix.

use rustix::process::Signal;

use crate::gateway::until_ready;
use support::command::kubekv;
use support::etcd_member::Member;
use support::leadership;
use support::running::Running;
use support::zookeeper_sessions;

fn start(store: &str, name: &str, seconds: &str) -> Running {
    let arguments = [
        "--store",
        store,
        "--node-name",
        name,
        "--lead-duration",
        seconds,
    ];
    let zookeeper = ["--zookeeper", "127.0.0.1:0"];
    Running::start_by(kubekv(), &[&arguments[..], &zookeeper].concat())
}

/// A leader, and a standby that relays to it.
fn pair(member: &Member) -> (Running, Running) {
    let store = member.store("p");
    leadership::pair(|name| start(&store, name, "4"), "relaying")
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn sessions_last_when_the_leader_is_killed() {
    let member = Member::start("etcd-3.6");
    let (first, second) = pair(&member);
    zookeeper_sessions::sessions_last(&second, || first.signal(Signal::KILL));
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn a_paused_leader_answers_no_session() {
    let member = Member::start("etcd-3.6");
    zookeeper_sessions::a_paused_leader_answers_no_session(pair(&member), "relaying");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn sessions_outlive_an_outage() {
    let member = Member::start("etcd-3.6");
    let gateway = start(&member.store("p"), "only", "4");
    until_ready(&gateway);
    zookeeper_sessions::sessions_outlive_an_outage(&gateway, |signal| member.signal(signal));
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn containers_and_ttl_nodes_end_when_the_leader_is_killed() {
    let member = Member::start("etcd-3.6");
    let (first, second) = pair(&member);
    let kill = || first.signal(Signal::KILL);
    zookeeper_sessions::containers_and_ttl_nodes_end(&second, kill);
}
