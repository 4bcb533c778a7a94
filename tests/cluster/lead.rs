//! Two gateways, one of which leads.

use rustix::process::Signal;

use crate::gateway::{get, put, start, state, status, until, until_ready};
use support::command::kubekv;
use support::kubernetes::{kubectl, namespace};
use support::running::{Running, ask, connect};

/// Two gateways, the first of which leads.
fn pair(namespace: &str) -> (Running, Running) {
    let first = start(namespace, "first");
    until_ready(&first);
    let second = start(namespace, "second");
    until("it follows", || state(&second) == "relaying");
    (first, second)
}

fn index(gateway: &Running) -> u64 {
    status(gateway)["revision"].as_u64().unwrap()
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn another_gateway_takes_over_after_kill_9() {
    let namespace = namespace();
    let (first, second) = pair(&namespace);
    for n in 0..50 {
        put(&first, &format!("k/{n}"), &n.to_string());
    }
    let session = ask(first.consul, "PUT /v1/session/create");
    assert!(session.starts_with("HTTP/1.1 200"), "{session}");
    let before = index(&first);
    first.signal(Signal::KILL);
    let _ended = first.end();
    until_ready(&second);
    for n in 0..50 {
        assert_eq!(get(&second, &format!("k/{n}")), Some(n.to_string()));
    }
    assert!(index(&second) >= before);
    let sessions = ask(second.consul, "GET /v1/session/list");
    let id = session.split('"').nth(3).unwrap();
    assert!(sessions.contains(id), "{sessions}");
    put(&second, "k/0", "after");
    assert!(index(&second) > before);
    assert_eq!(status(&second)["node"], "second");
    assert_eq!(second.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_gateway_that_is_told_to_end_hands_over() {
    let namespace = namespace();
    // So long that only what was handed over is taken.
    let long = |name: &str| {
        let store = format!("kubernetes:{namespace}");
        let duration = ["--lead-duration", "300", "--node-name", name];
        Running::start_by(kubekv(), &[&["--store", &store], &duration[..]].concat())
    };
    let first = long("first");
    until_ready(&first);
    let second = long("second");
    put(&first, "k", "v");
    assert_eq!(first.stop().code, 0);
    until_ready(&second);
    assert_eq!(get(&second, "k").as_deref(), Some("v"));
    assert_eq!(second.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_gateway_that_was_stopped_serves_nothing_it_does_not_know() {
    let namespace = namespace();
    let (first, second) = pair(&namespace);
    put(&first, "k", "before");
    first.signal(Signal::STOP);
    until_ready(&second);
    put(&second, "k", "after");
    // Asked while it is stopped, answered, if at all, when it goes on (hole 8).
    let consul = first.consul;
    let asked = std::thread::spawn(move || {
        let mut stream = connect(consul);
        let request = "GET /v1/kv/k?raw HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _reset = std::io::Read::read_to_end(&mut stream, &mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    });
    // Whoever leads needs not know; only that the request stands in the first one's queue.
    until("asked", || !asked.is_finished());
    first.signal(Signal::CONT);
    until("deposed", || state(&first) == "relaying");
    assert_eq!(second.stop().code, 0);
    let answer = asked.join().unwrap();
    assert!(!answer.contains("before"), "{answer}");
    until_ready(&first);
    assert_eq!(get(&first, "k").as_deref(), Some("after"));
    assert_eq!(first.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_deleted_lead_is_taken_anew() {
    let namespace = namespace();
    let gateway = start(&namespace, "only");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    let before = index(&gateway);
    let names = kubectl(&["-n", &namespace, "get", "kv", "-o", "name"], &[]).unwrap();
    let lead = names
        .lines()
        .find(|name| name.contains("kubekv.lead-"))
        .unwrap();
    kubectl(&["-n", &namespace, "delete", lead], &[]).unwrap();
    until("it leads again", || {
        let names = kubectl(&["-n", &namespace, "get", "kv", "-o", "name"], &[]).unwrap();
        names.contains("kubekv.lead-") && state(&gateway) == "ok"
    });
    put(&gateway, "k", "w");
    assert!(index(&gateway) > before);
    assert_eq!(gateway.stop().code, 0);
}
