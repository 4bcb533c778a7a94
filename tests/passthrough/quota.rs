//! The exhausted quota of an etcd.

use std::time::Duration;

use rustix::process::Signal;

use crate::gateway::{get, leading, metric, put, start, state, until, until_ready};
use support::etcd_member::Member;
use support::requests::ask_body;
use support::running::Running;

const QUOTA: [&str; 2] = ["--quota-backend-bytes", "4194304"];

/// The metric of writes that etcd refused for lack of space.
const REFUSED: &str = "kubekv_store_refused_total{reason=\"quota\"}";

/// Fills etcd with keys outside the prefix.
fn use_up(member: &Member) {
    let large = "x".repeat(1 << 20);
    until("the quota is used up", || {
        let said = member.ctl_with(&["put", "outside"], large.as_bytes());
        said.is_err_and(|said| said.contains("database space exceeded"))
    });
}

/// Frees space as etcd's documentation says.
fn free_space(member: &Member) {
    let head = ["get", "outside", "--keys-only", "-w", "json"];
    let head: serde_json::Value = serde_json::from_str(&member.ctl(&head).unwrap()).unwrap();
    let head = head["header"]["revision"].to_string();
    member.ctl(&["compact", &head, "--physical"]).unwrap();
    member.ctl(&["del", "outside"]).unwrap();
    member.ctl(&["defrag"]).unwrap();
    member.ctl(&["alarm", "disarm"]).unwrap();
}

fn is_refused(gateway: &Running) {
    let form = "application/x-www-form-urlencoded";
    for answer in [
        ask_body(gateway.consul, "PUT /v1/kv/k", "", "w"),
        ask_body(gateway.etcd, "PUT /v2/keys/k", form, "value=w"),
    ] {
        assert!(
            answer.starts_with("HTTP/1.1 500") && answer.contains("no space left"),
            "{answer}"
        );
    }
}

fn reads_continue_without_space(component: &str) {
    let member = Member::start_with(component, "http", &QUOTA);
    let gateway = leading(&member.store("p"), &[]);
    put(&gateway, "k", "v");
    use_up(&member);
    is_refused(&gateway);
    // For longer than leadership lasts without heartbeats, which is 1.6 s here: the leader record is not written any more.
    let leader_record = || member.ctl(&["get", "p/.kubekv/lead"]).unwrap();
    let written = leader_record();
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(get(&gateway, "k").as_deref(), Some("v"));
    }
    assert_eq!(leader_record(), written);
    is_refused(&gateway);
    free_space(&member);
    until("written", || gateway.run(&["put", "k", "w"]).code == 0);
    assert_eq!(get(&gateway, "k").as_deref(), Some("w"));
    until("heartbeats", || leader_record() != written);
    // It is still its first term: no client had to resync.
    assert_eq!(metric(&gateway, "kubekv_store_term"), 1);
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn reads_continue_without_space_on_3_4() {
    reads_continue_without_space("etcd");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn reads_continue_without_space_on_3_6() {
    reads_continue_without_space("etcd-3.6");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn standby_takes_over_once_space_is_free() {
    let member = Member::start_with("etcd-3.6", "http", &QUOTA);
    let first = leading(&member.store("p"), &[]);
    let second = start(&member.store("p"), "second", &[]);
    put(&first, "k", "v");
    use_up(&member);
    // It waits as long as heartbeats may be missed; then its attempts are refused as every write is.
    until("the second is refused", || metric(&second, REFUSED) > 0);
    assert_eq!(state(&second), "standby");
    assert_eq!(get(&first, "k").as_deref(), Some("v"));
    first.signal(Signal::KILL);
    let _ended = first.end();
    let before = metric(&second, REFUSED);
    until("it keeps trying", || metric(&second, REFUSED) > before);
    assert_eq!(state(&second), "standby");
    free_space(&member);
    until_ready(&second);
    assert_eq!(get(&second, "k").as_deref(), Some("v"));
    put(&second, "k", "w");
    assert_eq!(second.stop().code, 0);
}
