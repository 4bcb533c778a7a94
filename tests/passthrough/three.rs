//! Two gateways on an etcd of three members, which die, stand still and lead one after the other.

use crate::gateway::{start, until_ready};
use crate::members::Members;
use crate::running::{Running, ask};
use crate::writers::Writers;

/// As long as nothing that happens to one member costs the lead.
const LONG: [&str; 2] = ["--lead-duration", "15"];

/// Two gateways, of which the first leads; both talk to the same member first.
fn pair(store: &str) -> (Running, Running) {
    let first = start(store, "first", &LONG);
    until_ready(&first);
    let second = start(store, "second", &LONG);
    (first, second)
}

/// The value of one of a gateway's metrics.
fn metric(gateway: &Running, name: &str) -> u64 {
    let metrics = ask(gateway.admin, "GET /metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}"))
        .trim()
        .parse()
        .unwrap()
}

fn writes_are_held_while_etcd_elects(component: &str) {
    let mut members = Members::start(component);
    let leader = members.leader();
    let others = [(leader + 1) % 3, (leader + 2) % 3];
    let store = members.store(&[others[0], leader, others[1]], "p");
    let (first, second) = pair(&store);
    let writers = Writers::start(&first);
    writers.until_more(20);
    // The first time, the gateway talks to another member.
    for _ in 0..2 {
        let leader = members.leader();
        members.kill(leader);
        writers.until_more(50);
        members.again(leader);
        members.leader();
    }
    members.move_leader();
    writers.until_more(50);
    writers.end(&first);
    assert_eq!(metric(&first, "kubekv_store_leads "), 1);
    assert_eq!(first.stop().code, 0);
    until_ready(&second);
    assert_eq!(second.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn writes_are_held_while_etcd_elects_on_3_4() {
    writes_are_held_while_etcd_elects("etcd");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn writes_are_held_while_etcd_elects_on_3_6() {
    writes_are_held_while_etcd_elects("etcd-3.6");
}
