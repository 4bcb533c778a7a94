//! Stale writes, repeated writes, and writes with an unknown outcome.

use std::collections::HashSet;

use super::{ask, consul_index, json, kill, object, send, start_behind, sync, transaction};
use crate::gateway::{get, put, start, until, until_ready};
use support::fault_proxy::{Action, FaultProxy, Requests};
use support::kubernetes::namespace;

/// Failure mode 1: the leader's PUT and POST sit in a socket until another gateway leads.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn stale_write_is_never_visible() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let first = start_behind(&proxy, &namespace, "first", 2);
    until_ready(&first);
    put(&first, "k", "before");
    let held = ["k", "new"].map(|key| {
        let request = Requests::any().of_key(key).with("late").once();
        proxy.rule(request, Action::Hold)
    });
    let _waits =
        ["k", "new"].map(|key| send(first.etcd, &format!("PUT /v2/keys/{key}?value=late"), ""));
    for rule in &held {
        rule.wait();
    }
    let second = start(&namespace, "second");
    kill(first);
    until_ready(&second);
    assert_eq!(get(&second, "k").as_deref(), Some("before"));
    for rule in &held {
        let answer = rule.release();
        assert!([200, 201].contains(&answer), "it must land: {answer}");
    }
    sync(&second);
    assert_eq!(get(&second, "k").as_deref(), Some("before"));
    assert_eq!(get(&second, "new"), None);
    // kubectl does not show them for long either.
    until("undone", || {
        let value = object(&namespace, "k").map(|object| object["spec"]["value"].clone());
        value.unwrap() == "before" && object(&namespace, "new").is_none()
    });
    // And the keys can be written again.
    put(&second, "k", "after");
    put(&second, "new", "after");
    let third = start(&namespace, "third");
    assert_eq!(second.stop().code, 0);
    until_ready(&third);
    assert_eq!(get(&third, "k").as_deref(), Some("after"));
    assert_eq!(get(&third, "new").as_deref(), Some("after"));
    assert_eq!(third.stop().code, 0);
}

/// Failure mode 2: the former leader ends a session that the next leader's clients have renewed.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn renewed_session_survives_stale_deletion() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let first = start_behind(&proxy, &namespace, "first", 2);
    until_ready(&first);
    let made = json(&ask(first.consul, "PUT /v1/session/create"));
    let id = made["ID"].as_str().unwrap();
    let ends = Requests::any().with("\"deleted\":true").once();
    let held = proxy.rule(ends, Action::Hold);
    let _waits = send(first.consul, &format!("PUT /v1/session/destroy/{id}"), "");
    held.wait();
    let second = start(&namespace, "second");
    kill(first);
    until_ready(&second);
    let renews = || {
        let answer = ask(second.consul, &format!("PUT /v1/session/renew/{id}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    renews();
    assert_eq!(held.release(), 200, "it must land");
    sync(&second);
    renews();
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 2: the former leader removes an object that holds another entry by then.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn recreated_key_survives_stale_cleanup() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let first = start_behind(&proxy, &namespace, "first", 2);
    until_ready(&first);
    put(&first, "k", "before");
    let held = proxy.rule(Requests::of("DELETE").at("/k-").once(), Action::Hold);
    assert_eq!(first.run(&["delete", "k"]).code, 0);
    held.wait();
    let second = start(&namespace, "second");
    kill(first);
    until_ready(&second);
    put(&second, "k", "again");
    let answer = held.release();
    assert!([404, 409].contains(&answer), "{answer}");
    sync(&second);
    assert_eq!(get(&second, "k").as_deref(), Some("again"));
    assert_eq!(object(&namespace, "k").unwrap()["spec"]["value"], "again");
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 3: a decision on one key is written to another, and only the object of the latter is a precondition.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn stale_decision_on_a_changed_key_has_no_effect() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let first = start_behind(&proxy, &namespace, "first", 2);
    until_ready(&first);
    put(&first, "x", "5");
    put(&first, "y", "before");
    let index = consul_index(&first, "/v1/kv/x");
    let held = proxy.rule(
        Requests::of("PUT").of_key("y").with("late").once(),
        Action::Hold,
    );
    let body = transaction(&[("check-index", "x", "", index), ("set", "y", "late", 0)]);
    let _waits = send(first.consul, "PUT /v1/txn", &body);
    held.wait();
    let second = start(&namespace, "second");
    kill(first);
    until_ready(&second);
    put(&second, "x", "6");
    assert_eq!(held.release(), 200, "it must land");
    sync(&second);
    assert_eq!(get(&second, "y").as_deref(), Some("before"));
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 4: the API server answers with a timeout, and then the write lands.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn timed_out_write_that_lands_is_acknowledged() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let gateway = start_behind(&proxy, &namespace, "only", 30);
    until_ready(&gateway);
    put(&gateway, "k", "before");
    let writes = Requests::any().of_key("k").with("late");
    // No fence arrives before it, which would resolve its outcome.
    let fence = proxy.rule(Requests::of("PUT").of_key("lead"), Action::Hold);
    let late = proxy.rule(writes.clone().once(), Action::TimeOut);
    let waits = send(
        gateway.etcd,
        "PUT /v2/keys/k?value=late&prevValue=before",
        "",
    );
    late.wait();
    fence.wait();
    assert_eq!(get(&gateway, "k").as_deref(), Some("before"));
    assert_eq!(late.release(), 200);
    let answer = super::answer(waits);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    fence.lift();
    assert_eq!(get(&gateway, "k").as_deref(), Some("late"));
    assert_eq!(proxy.seen(&writes).len(), 1);
    assert_eq!(gateway.stop().code, 0);
}

/// Failure modes 4 and 5: the API server answers with a timeout or as overloaded; the write lands after its outcome was
/// resolved, or never.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn absent_write_is_decided_again_and_no_request_is_sent_twice() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let gateway = start_behind(&proxy, &namespace, "only", 30);
    until_ready(&gateway);
    let writes = Requests::any().of_key("k");
    let late = proxy.rule(writes.clone().once(), Action::TimeOut);
    let made = ask(gateway.etcd, "PUT /v2/keys/k?value=v&prevExist=false");
    assert!(made.starts_with("HTTP/1.1 201"), "{made}");
    assert_eq!(late.release(), 409, "another one made it");
    for status in [500, 503, 504] {
        let refusal = Action::refuse(status, "ServiceUnavailable", "overloaded");
        let refused = proxy.rule(writes.clone().once(), refusal);
        put(&gateway, "k", &status.to_string());
        assert_eq!(refused.met(), 1);
    }
    let dropped = proxy.rule(writes.clone().once(), Action::DropAnswer);
    let set = ask(gateway.etcd, "PUT /v2/keys/k?value=last&prevValue=504");
    assert!(set.starts_with("HTTP/1.1 200"), "{set}");
    assert_eq!(dropped.answers(), [200]);
    assert_eq!(get(&gateway, "k").as_deref(), Some("last"));
    let seen = proxy.seen(&writes);
    let bodies: HashSet<_> = seen.iter().map(|seen| &seen.body).collect();
    assert_eq!(bodies.len(), seen.len(), "sent twice");
    assert_eq!(gateway.stop().code, 0);
}

/// Failure mode 6: an external write is not delivered yet when it causes the refusal of ours.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn refused_client_reads_the_conflicting_write() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let gateway = start_behind(&proxy, &namespace, "only", 30);
    until_ready(&gateway);
    put(&gateway, "k", "before");
    let index = consul_index(&gateway, "/v1/kv/k");
    proxy.watches(support::fault_proxy::Watches::Silent);
    super::edit(&namespace, "k", "by hand");
    let swap = proxy.rule(Requests::of("PUT").of_key("k").with("mine"), Action::Note);
    let waits = send(gateway.consul, &format!("PUT /v1/kv/k?cas={index}"), "mine");
    until("the API server refuses it", || swap.answers() == [409]);
    proxy.watches(support::fault_proxy::Watches::Delivered);
    let answer = super::answer(waits);
    assert!(answer.ends_with("false"), "{answer}");
    assert_eq!(get(&gateway, "k").as_deref(), Some("by hand"));
    assert_eq!(swap.met(), 1, "it was not tried again on an outdated value");
    assert_eq!(gateway.stop().code, 0);
}
