//! Interrupted transactions of several keys.

use super::{answer, consul_index, edit, kill, object, send, start_behind, sync, transaction};
use crate::gateway::{get, put, start, until, until_ready};
use support::fault_proxy::{Action, FaultProxy, Requests, Watches};
use support::kubernetes::{kubectl, namespace};
use support::running::Running;

/// Starts the next leader. A cold one has only the list, and no events before it.
fn next(namespace: &str, cold: bool) -> (FaultProxy, Running) {
    let proxy = FaultProxy::start();
    if cold {
        let forgotten = Action::refuse(410, "Expired", "the provided resource version is too old");
        let past = Requests::of("GET").at("limit=500&resourceVersionMatch=Exact");
        proxy.rule(past, forgotten);
    }
    let gateway = start_behind(&proxy, namespace, "next", 2);
    until_ready(&gateway);
    (proxy, gateway)
}

/// Failure mode 23: the leader dies between the journal record and each of its steps, and a key is edited meanwhile.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn interrupted_transaction_is_completed_from_any_step() {
    for (taken, cold) in [(0, false), (0, true), (1, true), (2, true), (2, false)] {
        let namespace = namespace();
        let proxy = FaultProxy::start();
        let first = start_behind(&proxy, &namespace, "first", 2);
        until_ready(&first);
        for key in ["a", "b", "c"] {
            put(&first, key, "before");
        }
        let steps = Requests::any().with("\"step\":").after(taken);
        let dropped = proxy.rule(steps, Action::Drop);
        let body = transaction(
            &[("a", 0), ("b", 0), ("c", 0)].map(|(key, index)| ("set", key, "after", index)),
        );
        let done = answer(send(first.consul, "PUT /v1/txn", &body));
        assert!(done.starts_with("HTTP/1.1 200"), "{done}");
        assert_eq!(get(&first, "c").as_deref(), Some("after"));
        dropped.wait();
        kill(first);
        edit(&namespace, "b", "by hand");
        let (_proxy, second) = next(&namespace, cold);
        let values = ["a", "b", "c"].map(|key| get(&second, key).unwrap());
        assert_eq!(values, ["after", "by hand", "after"], "{taken} steps taken");
        until("the journal is cleaned up", || {
            let names = kubectl(&["-n", &namespace, "get", "kv", "-o", "name"], &[]).unwrap();
            !names.contains("journal")
        });
        for (key, value) in ["a", "b", "c"].iter().zip(&values) {
            assert_eq!(&object(&namespace, key).unwrap()["spec"]["value"], value);
        }
        assert_eq!(second.stop().code, 0);
    }
}

/// Failure mode 23: several transactions without any step taken, each decided on the result of the one before.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn journaled_transactions_without_any_step_are_completed() {
    for cold in [false, true] {
        transactions_without_steps(cold);
    }
}

fn transactions_without_steps(cold: bool) {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let first = start_behind(&proxy, &namespace, "first", 2);
    until_ready(&first);
    put(&first, "a", "0");
    put(&first, "b", "0");
    let steps = Requests::any().with("\"step\":");
    let dropped = proxy.rule(steps, Action::Drop);
    for value in ["1", "2", "3"] {
        let body = transaction(&[("set", "a", value, 0), ("set", "b", value, 0)]);
        let done = answer(send(first.consul, "PUT /v1/txn", &body));
        assert!(done.starts_with("HTTP/1.1 200"), "{done}");
    }
    // The leader has had time for its cleanup.
    let tried = dropped.met();
    until("it is tried again", || dropped.met() > tried + 6);
    kill(first);
    let (_proxy, second) = next(&namespace, cold);
    let values = ["a", "b"].map(|key| get(&second, key).unwrap());
    assert_eq!(values, ["3", "3"]);
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 23: a key was edited before, and the watch has not delivered the edit yet.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn transaction_after_a_conflicting_edit_changes_nothing() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let gateway = start_behind(&proxy, &namespace, "first", 15);
    until_ready(&gateway);
    put(&gateway, "a", "before");
    put(&gateway, "b", "before");
    let index = consul_index(&gateway, "/v1/kv/b");
    proxy.watches(Watches::Silent);
    edit(&namespace, "b", "by hand");
    let journal = proxy.rule(Requests::of("POST").with("journal/"), Action::Note);
    let body = transaction(&[("set", "a", "after", 0), ("cas", "b", "after", index)]);
    let waits = send(gateway.consul, "PUT /v1/txn", &body);
    until("the journal record is written", || {
        journal.answers() == [201]
    });
    proxy.watches(Watches::Delivered);
    let done = answer(waits);
    assert!(done.starts_with("HTTP/1.1 409"), "{done}");
    sync(&gateway);
    let values = || ["a", "b"].map(|key| get(&gateway, key).unwrap());
    assert_eq!(values(), ["before", "by hand"]);
    kill(gateway);
    let next = start(&namespace, "next");
    until_ready(&next);
    let values = ["a", "b"].map(|key| get(&next, key).unwrap());
    assert_eq!(values, ["before", "by hand"]);
    assert_eq!(next.stop().code, 0);
}
