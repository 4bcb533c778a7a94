//! Leases under pauses and takeovers: sessions and lock-delays.

use std::time::Duration;

use rustix::process::Signal;

use super::{answer, ask, json, kill, send, sync};
use crate::gateway::{start, start_for, state, until, until_ready};
use support::command::kubekv;
use support::kubernetes::namespace;
use support::running::Running;

fn session(gateway: &Running, body: &str) -> String {
    let made = answer(send(gateway.consul, "PUT /v1/session/create", body));
    json(&made)["ID"].as_str().unwrap().to_owned()
}

/// Failure mode 21: the leader is paused for longer than a session lasts, and its renewal waits meanwhile.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn session_with_a_waiting_renewal_survives_a_paused_leader() {
    let namespace = namespace();
    let gateway = start_for(kubekv(), &namespace, "only", 60);
    until_ready(&gateway);
    // It ends after twice its TTL.
    let id = session(&gateway, r#"{"TTL": "1500ms"}"#);
    let other = session(&gateway, r#"{"TTL": "1500ms"}"#);
    gateway.signal(Signal::STOP);
    let renewals: Vec<_> = (0..3)
        .map(|_| send(gateway.consul, &format!("PUT /v1/session/renew/{id}"), ""))
        .collect();
    std::thread::sleep(Duration::from_secs(6));
    gateway.signal(Signal::CONT);
    for renewal in renewals {
        let answer = answer(renewal);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Nor is a session cut short whose renewal arrives after the gateway has looked at the clock.
    sync(&gateway);
    let late = ask(gateway.consul, &format!("PUT /v1/session/renew/{other}"));
    assert!(late.starts_with("HTTP/1.1 200"), "{late}");
    // They still end when nobody renews them.
    until("it ends", || {
        ask(gateway.consul, &format!("GET /v1/session/info/{id}")).ends_with("[]")
    });
    assert_eq!(gateway.stop().code, 0);
}

/// Failure mode 21: a session gets its full TTL again from the gateway that takes over.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn session_and_lock_delay_survive_takeover() {
    let namespace = namespace();
    let first = start(&namespace, "first");
    until_ready(&first);
    let second = start(&namespace, "second");
    until("it follows", || state(&second) == "relaying");
    let delays = session(&first, r#"{"LockDelay": "60s"}"#);
    let locks =
        |gateway: &Running, id: &str| ask(gateway.consul, &format!("PUT /v1/kv/lock?acquire={id}"));
    assert!(locks(&first, &delays).ends_with("true"));
    let kept = session(&first, r#"{"TTL": "10s"}"#);
    let answer = ask(first.consul, &format!("PUT /v1/session/destroy/{delays}"));
    assert!(answer.ends_with("true"), "{answer}");
    kill(first);
    until_ready(&second);
    let answer = locks(&second, &kept);
    assert!(
        answer.ends_with("false"),
        "the lock-delay is not over: {answer}"
    );
    let answer = ask(second.consul, &format!("PUT /v1/session/renew/{kept}"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(second.stop().code, 0);
}
