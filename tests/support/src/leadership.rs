//! Leadership of two gateways on one shared store: scenarios that hold whatever the store is.

use rustix::process::Signal;

use crate::command::run;
use crate::gateway::{get, put, state, until_ready};
use crate::metrics::metric;
use crate::requests::{answer_or_reset, ask, ask_body, send_body};
use crate::running::Running;
use crate::until::until;

/// The status of the gateway, over its Consul face.
pub fn status(gateway: &Running) -> serde_json::Value {
    let address = gateway.consul.to_string();
    let done = run(&["status", "--json", "--address", &address]);
    assert_eq!(done.code, 0, "{done:?}");
    done.json()
}

/// The revision of the leader.
pub fn revision(gateway: &Running) -> u64 {
    status(gateway)["revision"].as_u64().unwrap()
}

/// A leader and a standby; `follows` is the state of the latter.
pub fn pair(start: impl Fn(&str) -> Running, follows: &str) -> (Running, Running) {
    let first = start("first");
    until_ready(&first);
    let second = start("second");
    until(follows, || state(&second) == follows);
    (first, second)
}

/// A follower takes over after the leader was killed: entries and sessions survive, and the index grows.
pub fn follower_takes_over_after_kill_9((first, second): (Running, Running)) {
    for n in 0..50 {
        put(&first, &format!("k/{n}"), &n.to_string());
    }
    let session = ask(first.consul, "PUT /v1/session/create");
    assert!(session.starts_with("HTTP/1.1 200"), "{session}");
    let before = revision(&first);
    first.signal(Signal::KILL);
    let _ended = first.end();
    until_ready(&second);
    for n in 0..50 {
        assert_eq!(get(&second, &format!("k/{n}")), Some(n.to_string()));
    }
    assert!(revision(&second) >= before);
    let sessions = ask(second.consul, "GET /v1/session/list");
    let id = session.split('"').nth(3).unwrap();
    assert!(sessions.contains(id), "{sessions}");
    put(&second, "k/0", "after");
    assert!(revision(&second) > before);
    assert_eq!(status(&second)["node"], "second");
    assert_eq!(second.stop().code, 0);
}

/// What a host's heartbeats keep is no write to the store, is not cut short when the leader is killed, and goes when its host
/// is dead.
pub fn hosts_at_rest_survive_a_takeover((first, second): (Running, Running)) {
    const NODE: &str = "/v2/keys/docker/nodes/10.0.0.1:2376";
    const TTL: u64 = 6;
    let form = "application/x-www-form-urlencoded";
    let beat = || {
        let body = format!("ttl={TTL}&value=10.0.0.1:2376");
        let answer = ask_body(first.etcd, &format!("PUT {NODE}"), form, body);
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    };
    beat();
    beat();
    let commits = metric(&first, "kubekv_space_commits_total");
    // Longer than the TTL of what is stored.
    for _ in 0..4 {
        std::thread::sleep(std::time::Duration::from_secs(TTL / 3));
        beat();
    }
    assert_eq!(metric(&first, "kubekv_space_commits_total"), commits);
    assert_eq!(metric(&first, "kubekv_space_renewals_total"), 4);
    first.signal(Signal::KILL);
    let _ended = first.end();
    until_ready(&second);
    let shown = ask(second.etcd, &format!("GET {NODE}"));
    assert!(
        shown.starts_with("HTTP/1.1 200"),
        "it was cut short: {shown}"
    );
    until("the dead host goes", || {
        ask(second.etcd, &format!("GET {NODE}")).starts_with("HTTP/1.1 404")
    });
    assert_eq!(second.stop().code, 0);
}

/// A leader that is stopped hands over: its leadership would last so long that only a handover lets another take it.
pub fn leader_hands_over(first: Running, second: &Running) {
    put(&first, "k", "v");
    assert_eq!(first.stop().code, 0);
    until_ready(second);
    assert_eq!(get(second, "k").as_deref(), Some("v"));
}

/// A leader that was paused while another took over neither reads nor writes; `follows` is its state then.
pub fn paused_leader_neither_reads_nor_writes((first, second): (Running, Running), follows: &str) {
    put(&first, "k", "before");
    let before = first.run(&["get", "k", "--json"]);
    let before = before.json()["ModifyIndex"].clone();
    assert!(before.is_u64(), "{before}");
    first.signal(Signal::STOP);
    until_ready(&second);
    put(&second, "k", "after");
    // Sent while it is paused, answered, if at all, when it resumes or leads again (failure mode 8).
    let write = format!("PUT /v1/kv/k?cas={before}");
    let sent = ["GET /v1/kv/k?raw", &write].map(|line| send_body(first.consul, line, "", ""));
    first.signal(Signal::CONT);
    until("deposed", || state(&first) == follows);
    assert_eq!(get(&second, "k").as_deref(), Some("after"));
    assert_eq!(second.stop().code, 0);
    let [read, written] = sent.map(answer_or_reset);
    assert!(!read.contains("before"), "{read}");
    assert!(!written.contains("true"), "{written}");
    until_ready(&first);
    assert_eq!(get(&first, "k").as_deref(), Some("after"));
    assert_eq!(first.stop().code, 0);
}

/// A gateway whose leader record is deleted writes it again and keeps leading; the index grows.
pub fn deleted_record_is_taken_again(
    gateway: &Running,
    delete: impl FnOnce(),
    exists: impl Fn() -> bool,
) {
    let before = revision(gateway);
    delete();
    until("it leads again", || {
        state(gateway) == "ok" && gateway.run(&["put", "k", "w"]).code == 0 && exists()
    });
    assert_eq!(get(gateway, "k").as_deref(), Some("w"));
    assert!(revision(gateway) > before);
}
