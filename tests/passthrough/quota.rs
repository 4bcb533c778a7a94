//! An etcd whose quota is used up.

use std::time::Duration;

use rustix::process::Signal;

use crate::gateway::{get, leading, metric, put, start, state, until, until_ready};
use support::etcd_member::Member;
use support::requests::ask_body;
use support::running::Running;

const QUOTA: [&str; 2] = ["--quota-backend-bytes", "4194304"];

/// Counts what etcd refused for want of space.
const REFUSED: &str = "kubekv_store_refused_total{reason=\"quota\"}";

/// Fills it with what is not under the prefix.
fn use_up(member: &Member) {
    let large = "x".repeat(1 << 20);
    until("the quota is used up", || {
        let said = member.ctl_with(&["put", "outside"], large.as_bytes());
        said.is_err_and(|said| said.contains("database space exceeded"))
    });
}

/// As etcd's documentation has it.
fn make_room(member: &Member) {
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
    // For longer than a lead lasts without heartbeats, which is 1.6 s here: its record is not written any more.
    let lead = || member.ctl(&["get", "p/.kubekv/lead"]).unwrap();
    let written = lead();
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(get(&gateway, "k").as_deref(), Some("v"));
    }
    assert_eq!(lead(), written);
    is_refused(&gateway);
    make_room(&member);
    until("written", || gateway.run(&["put", "k", "w"]).code == 0);
    assert_eq!(get(&gateway, "k").as_deref(), Some("w"));
    until("heartbeats", || lead() != written);
    // It is still its first term: nobody had to begin anew.
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
    // It does not try as long as it may not hear of heartbeats that there are; then it is refused as everybody is.
    until("the second is refused", || metric(&second, REFUSED) > 0);
    assert_eq!(state(&second), "standby");
    assert_eq!(get(&first, "k").as_deref(), Some("v"));
    first.signal(Signal::KILL);
    let _ended = first.end();
    let before = metric(&second, REFUSED);
    until("it tries on", || metric(&second, REFUSED) > before);
    assert_eq!(state(&second), "standby");
    make_room(&member);
    until_ready(&second);
    assert_eq!(get(&second, "k").as_deref(), Some("v"));
    put(&second, "k", "w");
    assert_eq!(second.stop().code, 0);
}
