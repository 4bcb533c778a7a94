//! Relayed connections of clients that reach a standby.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustix::process::Signal;

use crate::gateway::{get, leader_record, put, start, state, status, until, until_ready};
use support::command::kubekv;
use support::kubernetes::namespace;
use support::metrics::wait_for_metric;
use support::requests::{answer_or_reset, ask, read_until, send, send_bytes};
use support::running::Running;

/// A leader, and a standby that relays to it.
fn pair(namespace: &str) -> (Running, Running) {
    let first = start(namespace, "first");
    until_ready(&first);
    let second = start(namespace, "second");
    until("relaying", || state(&second) == "relaying");
    (first, second)
}

/// The port of the relay listener of the leader.
fn relay_port(namespace: &str) -> SocketAddr {
    leader_record(namespace)["relay"]["address"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn every_gateway_answers_regardless_of_leadership() {
    let namespace = namespace();
    let (first, second) = pair(&namespace);
    put(&second, "k", "by way of the second");
    assert_eq!(get(&first, "k").as_deref(), Some("by way of the second"));
    assert_eq!(status(&second)["node"], "first", "it names the leader");
    let admin = second.admin.to_string();
    let shown = second.run(&["status", "--json", "--admin", &admin]).json();
    assert_eq!(
        (&shown["gateway"], &shown["role"], &shown["leader"]),
        (&"second".into(), &"follower".into(), &"first".into()),
        "{shown}"
    );
    assert_eq!(shown["term"], leader_record(&namespace)["term"], "{shown}");
    // A poll that waits at the standby is woken by a write at the leader.
    let mut waits = send(second.etcd, "GET /v2/keys/k?wait=true");
    wait_for_metric(first.admin, "kubekv_face_in_flight{face=\"etcd\"} 1");
    put(&first, "k", "woken");
    read_until(&mut waits, "woken");
    // Clients get the address of the gateway they connected to, not the leader's.
    let mut members = send_bytes(second.etcd, b"GET /v2/members HTTP/1.0\r\n\r\n");
    let members = read_until(&mut members, "clientURLs");
    let own = format!("http://{}", second.etcd);
    assert!(members.contains(&own), "{members}");
    // A client that disconnects frees its poll at the leader.
    drop(waits);
    let waits = send(second.etcd, "GET /v2/keys/k?wait=true");
    wait_for_metric(first.admin, "kubekv_face_in_flight{face=\"etcd\"} 1");
    drop(waits);
    wait_for_metric(first.admin, "kubekv_face_in_flight{face=\"etcd\"} 0");
    wait_for_metric(second.admin, "kubekv_relay_connections{face=\"etcd\"} 0");
    assert_eq!(second.stop().code, 0);
    assert_eq!(first.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn large_bodies_are_relayed_both_ways() {
    let namespace = namespace();
    let (first, second) = pair(&namespace);
    let value = "0123456789abcdef".repeat(60_000);
    let length = value.len();
    let mut stream = TcpStream::connect(second.consul).unwrap();
    write!(
        stream,
        "PUT /v1/kv/large HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{value}"
    )
    .unwrap();
    let answer = read_until(&mut stream, "true");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = ask(second.consul, "GET /v1/kv/large?raw");
    assert!(answer.ends_with(&value), "{} bytes", answer.len());
    assert_eq!(second.stop().code, 0);
    assert_eq!(first.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn connection_waits_for_the_next_leader() {
    let namespace = namespace();
    let (first, second) = pair(&namespace);
    put(&first, "k", "v");
    let mut kept = send(second.consul, "GET /v1/kv/k?raw");
    read_until(&mut kept, "v");
    first.signal(Signal::KILL);
    let _ended = first.end();
    // All of them are answered by the next leader, and none is cut off.
    let waiting: Vec<_> = (0..32)
        .map(|_| send(second.consul, "GET /v1/kv/k?raw"))
        .collect();
    for mut one in waiting {
        read_until(&mut one, "HTTP/1.1 200");
    }
    until_ready(&second);
    // The connection relayed to the dead leader is closed.
    let mut rest = Vec::new();
    let _reset = kept.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(second.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn connections_relayed_to_a_deposed_leader_are_closed() {
    let namespace = namespace();
    let (first, second) = pair(&namespace);
    let third = start(&namespace, "third");
    until("relaying", || state(&third) == "relaying");
    let mut polls = [&second, &third].map(|gateway| send(gateway.etcd, "GET /v2/keys/k?wait=true"));
    wait_for_metric(first.admin, "kubekv_face_in_flight{face=\"etcd\"} 2");
    first.signal(Signal::STOP);
    // Failure mode 27: the connection to it stays open, but no answer will ever come.
    for poll in &mut polls {
        let mut rest = Vec::new();
        let _reset = poll.read_to_end(&mut rest);
    }
    until("one of them leads", || {
        state(&second) == "ok" || state(&third) == "ok"
    });
    put(&second, "k", "v");
    assert_eq!(get(&third, "k").as_deref(), Some("v"));
    first.signal(Signal::CONT);
    until("the first relays, too", || state(&first) == "relaying");
    assert_eq!(get(&first, "k").as_deref(), Some("v"));
    for gateway in [first, second, third] {
        assert_eq!(gateway.stop().code, 0);
    }
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn stopping_standby_answers_relayed_requests_in_flight() {
    let namespace = namespace();
    let (first, second) = pair(&namespace);
    put(&first, "k", "before");
    let index = status(&first)["revision"].as_u64().unwrap();
    let request = format!("GET /v1/kv/k?raw&wait=60s&index={index}");
    let mut poll = send(second.consul, &request);
    let mut idle = send(second.consul, "GET /v1/kv/k");
    read_until(&mut idle, "\r\n\r\n");
    wait_for_metric(first.admin, "kubekv_face_in_flight{face=\"consul\"} 1");
    second.signal(Signal::TERM);
    let mut rest = String::new();
    idle.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "an idle connection ends");
    put(&first, "k", "after");
    read_until(&mut poll, "after");
    assert_eq!(second.end().code, 0);
    assert_eq!(first.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn relay_listener_admits_only_gateways() {
    let namespace = namespace();
    let (first, second) = pair(&namespace);
    put(&second, "k", "secret");
    let port = relay_port(&namespace);
    // In the clear, with a forged address (failure mode 26).
    let forged =
        b"PROXY TCP4 10.0.0.1 10.0.0.2 1 8500\r\nGET /v1/kv/k?raw HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = answer_or_reset(send_bytes(port, forged));
    assert!(!answer.contains("secret"));
    wait_for_metric(first.admin, "kubekv_relay_rejected_total 1");
    // With TLS and no certificate, and with one that no gateway of this store has: here is another store's.
    let foreign = std::process::Command::new("openssl")
        .args(["s_client", "-quiet", "-alpn", "kubekv/consul", "-connect"])
        .arg(port.to_string())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&foreign.stdout).contains("HTTP/1.1"));
    wait_for_metric(first.admin, "kubekv_relay_rejected_total 2");
    assert_eq!(second.stop().code, 0);
    assert_eq!(first.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn ended_gateways_are_removed_from_members() {
    let namespace = namespace();
    let (first, second) = pair(&namespace);
    let count = || {
        let names = ["-n", &namespace, "get", "kv", "-o", "name"];
        let names = support::kubernetes::kubectl(&names, &[]).unwrap();
        names.matches("kubekv.replica.").count()
    };
    until("both are members", || count() == 2);
    // A gateway that stops removes its member record; one that is killed cannot.
    assert_eq!(second.stop().code, 0);
    until("the stopped member is removed", || count() == 1);
    let third = start(&namespace, "third");
    until("the third is a member", || count() == 2);
    first.signal(Signal::KILL);
    let _ended = first.end();
    until_ready(&third);
    until("the dead member is removed", || count() == 1);
    put(&third, "k", "v");
    assert_eq!(third.stop().code, 0);
    until("no member is left", || count() == 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn connections_wait_at_a_standby_without_relay() {
    let namespace = namespace();
    let first = start(&namespace, "first");
    until_ready(&first);
    let store = format!("kubernetes:{namespace}");
    let alone = ["--store", &store, "--relay=off", "--lead-duration=2"];
    let second = Running::start_by(kubekv(), &alone);
    assert_eq!(state(&second), "standby");
    put(&first, "k", "v");
    let consul = second.consul;
    let waits = std::thread::spawn(move || ask(consul, "GET /v1/kv/k?raw"));
    assert_eq!(first.stop().code, 0);
    let answer = waits.join().unwrap();
    assert!(answer.ends_with('v'), "{answer}");
    assert_eq!(second.stop().code, 0);
}
