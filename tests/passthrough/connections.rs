//! Connections to members that are unreachable, restart, or have compacted their history.

use rustix::process::Signal;

use crate::gateway::{get, leading, put, start, until_ready};
use support::etcd_member::Member;
use support::metrics::wait_for_metric;
use support::requests::ask_body;

#[test]
#[ignore = "needs etcd: tests/run"]
fn unreachable_member_is_skipped() {
    let member = Member::start("etcd-3.6");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let store = format!("etcd://{gone},{}/p", member.address());
    let gateway = leading(&store, &[]);
    put(&gateway, "k", "v");
    assert_eq!(get(&gateway, "k").as_deref(), Some("v"));
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn gateway_resumes_after_an_etcd_restart() {
    let mut member = Member::start("etcd");
    let gateway = leading(&member.store("p"), &["--lead-duration", "15"]);
    put(&gateway, "k", "v");
    member.kill();
    // etcd is down: the write is held.
    let consul = gateway.consul;
    let written = std::thread::spawn(move || ask_body(consul, "PUT /v1/kv/k", "", "w"));
    let line = "kubekv_face_in_flight{face=\"consul\"} 1";
    wait_for_metric(gateway.admin, line);
    member.again();
    member.await_port();
    let written = written.join().unwrap();
    assert!(written.ends_with("true"), "{written}");
    assert_eq!(get(&gateway, "k").as_deref(), Some("w"));
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn compacted_history_causes_a_relist() {
    let member = Member::start("etcd-3.6");
    let store = member.store("p");
    let first = start(&store, "first", &[]);
    until_ready(&first);
    let second = start(&store, "second", &[]);
    put(&first, "kept", "v");
    put(&first, "gone", "v");
    second.signal(Signal::STOP);
    // Its watch ends while the gateway is paused, and would resume at a compacted revision.
    member.ctl(&["del", "p/gone"]).unwrap();
    for n in 0..20 {
        put(&first, "kept", &n.to_string());
    }
    let head = member.ctl(&["get", "p/kept", "-w", "json"]).unwrap();
    let head: serde_json::Value = serde_json::from_str(&head).unwrap();
    let revision = head["header"]["revision"].to_string();
    member.ctl(&["compact", &revision]).unwrap();
    second.signal(Signal::CONT);
    assert_eq!(first.stop().code, 0);
    until_ready(&second);
    assert_eq!(get(&second, "kept").as_deref(), Some("19"));
    assert_eq!(get(&second, "gone"), None);
    // And a gateway that starts finds the revision in the leader record compacted.
    assert_eq!(second.stop().code, 0);
    let third = leading(&store, &[]);
    assert_eq!(get(&third, "kept").as_deref(), Some("19"));
    assert_eq!(third.stop().code, 0);
}
