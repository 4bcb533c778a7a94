//! Reads of gateways that lag, and of leaders whose leadership ends.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use super::{ask, edit, kill, number, send, start_behind, sync};
use crate::gateway::{
    get, leader_record, metric, put, start, start_by, start_for, state, status, until, until_ready,
};
use support::command::kubekv;
use support::fault_proxy::{Action, FaultProxy, Requests, Watches};
use support::kubernetes::{kubectl, namespace};
use support::kubernetes_servers::{ETCD, Servers, apiserver};
use support::running::Running;

/// Failure mode 12: the leader record is deleted, and a write of its holder lands after another gateway took leadership.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn deleted_leader_record_admits_no_stale_write() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let first = start_behind(&proxy, &namespace, "first", 2);
    until_ready(&first);
    put(&first, "k", "before");
    let writes = Requests::any().of_key("k").with("late");
    let held = proxy.rule(writes.once(), Action::Hold);
    let _waits = send(first.etcd, "PUT /v2/keys/k?value=late", "");
    held.wait();
    kill(first);
    let record = super::name(&namespace, "lead");
    kubectl(&["-n", &namespace, "delete", "kv", &record], &[]).unwrap();
    let second = start(&namespace, "second");
    until_ready(&second);
    assert_eq!(held.release(), 200, "it must land");
    sync(&second);
    assert_eq!(get(&second, "k").as_deref(), Some("before"));
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 12: a candidate waits as long as the leader record says, not for the duration of its own leadership.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn candidate_waits_for_the_duration_in_the_leader_record() {
    let namespace = namespace();
    let first = start_for(kubekv(), &namespace, "first", 6);
    until_ready(&first);
    put(&first, "k", "before");
    let second = start_for(kubekv(), &namespace, "second", 1);
    first.signal(Signal::STOP);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(
        leader_record(&namespace)["name"],
        "first",
        "it may resume at any moment"
    );
    until_ready(&second);
    first.signal(Signal::CONT);
    assert_eq!(second.stop().code, 0);
    assert_eq!(first.stop().code, 0);
}

/// Failure modes 1 and 2, after a full list: a term may end before its first heartbeat, and stale writes are recognised by
/// the fence of each term.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn fence_of_a_term_without_heartbeat_is_recorded() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let heartbeats = Requests::of("PUT").of_key("lead");
    let _none_arrives = proxy.rule(heartbeats, Action::Drop);
    let first = start_behind(&proxy, &namespace, "first", 8);
    until_ready(&first);
    kill(first);
    let second = start(&namespace, "second");
    until_ready(&second);
    until("its own fence is recorded as well", || {
        let record = leader_record(&namespace);
        let fences = record["fences"].as_array().unwrap().iter();
        let terms: Vec<_> = fences
            .map(|fence| fence["term"].as_u64().unwrap())
            .collect();
        record["beat"] != 0 && terms == [1, 2]
    });
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 13: a standby whose watch lags takes leadership with a write that does not.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn lagging_standby_serves_nothing_until_its_fence_arrives() {
    let namespace = namespace();
    let (ours, theirs) = (FaultProxy::start(), FaultProxy::start());
    let first = start_behind(&ours, &namespace, "first", 6);
    until_ready(&first);
    put(&first, "w", "0");
    let second = start_behind(&theirs, &namespace, "second", 6);
    until("it follows", || state(&second) == "relaying");
    // The leader record stays as the second one has it; only entries change.
    let heartbeats = Requests::of("PUT").of_key("lead");
    let _held = ours.rule(heartbeats.clone(), Action::Hold);
    sync(&first);
    // Its watch starts in the past: it has caught up when it gets an edit made just now.
    edit(&namespace, "w", "by hand");
    until("it has caught up", || {
        metric(&second, "kubekv_store_external_writes_total") == 1
    });
    theirs.watches(Watches::Bookmarks);
    put(&first, "w", "1");
    kill(first);
    let fence = theirs.rule(heartbeats, Action::Note);
    until("its takeover is acknowledged", || {
        fence.answers().contains(&200)
    });
    assert_ne!(state(&second), "ok", "it does not have the entries yet");
    theirs.watches(Watches::Delivered);
    until_ready(&second);
    assert_eq!(get(&second, "w").as_deref(), Some("1"));
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 14: heartbeats are written, readiness and bookmarks look alive, and the watch delivers no event.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn leader_without_watch_events_loses_leadership() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let first = start_behind(&proxy, &namespace, "first", 2);
    until_ready(&first);
    put(&first, "k", "before");
    let second = start(&namespace, "second");
    until("it follows", || state(&second) == "relaying");
    proxy.watches(Watches::Bookmarks);
    until_ready(&second);
    assert_ne!(state(&first), "ok");
    put(&second, "k", "after");
    proxy.watches(Watches::Delivered);
    until("it relays", || state(&first) == "relaying");
    assert_eq!(get(&first, "k").as_deref(), Some("after"));
    assert_eq!(first.stop().code, 0);
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 14: only the open watch hangs: another one is opened in time.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn hung_watch_is_reopened_without_losing_leadership() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let gateway = start_behind(&proxy, &namespace, "only", 6);
    until_ready(&gateway);
    let term = leader_record(&namespace)["term"].clone();
    proxy.freeze_watches();
    put(&gateway, "k", "v");
    assert_eq!(leader_record(&namespace)["term"], term);
    assert_eq!(gateway.stop().code, 0);
}

fn start_at(servers: &Servers, number: usize, name: &str) -> Running {
    let mut command = kubekv();
    command.env("KUBECONFIG", servers.kubeconfig(number));
    start_by(command, "default", name)
}

/// Failure modes 13 and 14 as they were measured: two API servers, one of which is paused.
#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn gateway_with_a_responsive_api_server_leads() {
    let servers = Servers::start(2);
    servers.define();
    let first = start_at(&servers, 1, "first");
    until_ready(&first);
    let second = start_at(&servers, 2, "second");
    until("it follows", || state(&second) == "relaying");
    put(&first, "k", "before");
    servers.signal(&apiserver(1), Signal::STOP);
    until_ready(&second);
    assert_ne!(state(&first), "ok");
    put(&second, "k", "after");
    servers.signal(&apiserver(1), Signal::CONT);
    until("it relays", || state(&first) == "relaying");
    assert_eq!(get(&first, "k").as_deref(), Some("after"));
    // Nothing is lost while etcd is paused, and with it all API servers.
    servers.signal(ETCD, Signal::STOP);
    until("no gateway leads", || state(&second) != "ok");
    servers.signal(ETCD, Signal::CONT);
    until("a gateway leads", || {
        state(&first) == "ok" || state(&second) == "ok"
    });
    assert_eq!(get(&first, "k").as_deref(), Some("after"));
    assert_eq!(first.stop().code, 0);
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 16: etcd is restored from a backup, and revisions are lower than before.
#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn restored_backup_lowers_no_index_and_wakes_watches() {
    let mut servers = Servers::start(1);
    servers.define();
    let gateway = start_at(&servers, 1, "only");
    until_ready(&gateway);
    put(&gateway, "k", "kept");
    let backup = tempfile::tempdir().unwrap();
    servers.signal(ETCD, Signal::STOP);
    copy(&servers.data(), backup.path());
    servers.signal(ETCD, Signal::CONT);
    until("it leads", || {
        state(&gateway) == "ok" && get(&gateway, "k").is_some()
    });
    for n in 0..20 {
        put(&gateway, "k", &n.to_string());
    }
    let before = super::consul_index(&gateway, "/v1/kv/k");
    let poll = format!("GET /v1/kv/k?raw&wait=300s&index={before}");
    let waits = send(gateway.consul, &poll, "");
    servers.while_down(|data| {
        fs::remove_dir_all(data).unwrap();
        copy(&backup.path().join("etcd"), data.parent().unwrap());
    });
    // The poll is answered, or its connection is closed and the client asks again.
    let woken = std::io::Read::read(&mut &waits, &mut [0; 16]);
    let asleep = woken.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!asleep, "the poll was not woken");
    until_ready(&gateway);
    let answer = ask(gateway.consul, &poll);
    assert!(answer.ends_with("kept"), "{answer}");
    let index = number(&answer, "x-consul-index");
    assert!(index > before, "{index} after {before}");
    put(&gateway, "k", "after");
    let revision = status(&gateway)["revision"].as_u64().unwrap();
    // Also at a gateway that did not see the restore.
    let next = start_at(&servers, 1, "next");
    assert_eq!(gateway.stop().code, 0);
    until_ready(&next);
    assert_eq!(get(&next, "k").as_deref(), Some("after"));
    assert!(status(&next)["revision"].as_u64().unwrap() >= revision);
    assert_eq!(next.stop().code, 0);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}
