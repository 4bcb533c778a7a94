//! Overloaded and failing API servers.

use crate::gateway::{
    leader_record, metric, put, refusals_logged, refused, start_by, start_for, until, until_ready,
};
use support::command::kubekv;
use support::fault_proxy::{Action, FaultProxy, Requests};
use support::kubernetes::namespace;

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn throttling_api_server_causes_no_error() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let busy = || Action::refuse_for(429, "TooManyRequests", "storage is (re)initializing", 1);
    let watch = proxy.rule(Requests::of("GET").at("watch=true").times(2), busy());
    let mut command = kubekv();
    command.env("KUBECONFIG", proxy.kubeconfig());
    let gateway = start_by(command, &namespace, "only");
    until_ready(&gateway);
    assert_eq!(watch.met(), 2);
    proxy.rule(Requests::of("POST").of_key("later").once(), busy());
    put(&gateway, "later", "v");
    let sent = |key: &str| proxy.seen(&Requests::of("POST").of_key(key)).len();
    assert_eq!(sent("later"), 2);
    assert_eq!(metric(&gateway, "kubekv_store_unknown_total"), 0);
    // The outcome at a server that failed is unknown: it is resolved first, and then the write is sent again.
    let failures = [
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
        (504, "Timeout"),
    ];
    for (status, reason) in failures {
        let unknown = metric(&gateway, "kubekv_store_unknown_total");
        let key = format!("failed/{status}");
        let failed = Action::refuse_for(status, reason, "not now", 1);
        proxy.rule(Requests::of("POST").of_key(&key).once(), failed);
        put(&gateway, &key, "v");
        assert_eq!(sent(&key), 2, "{status}");
        let more = metric(&gateway, "kubekv_store_unknown_total") - unknown;
        assert_eq!(more, 1, "{status}");
    }
    // It took effect, and is not sent again.
    proxy.rule(
        Requests::of("POST").of_key("reset").once(),
        Action::DropAnswer,
    );
    put(&gateway, "reset", "v");
    assert_eq!(sent("reset"), 1);
    assert!(refused(&gateway, "throttled") >= 3);
    let done = gateway.stop();
    assert_eq!(
        (done.code, refusals_logged(&done.err)),
        (0, 0),
        "{}",
        done.err
    );
    assert!(!done.err.contains("cannot read the store"), "{}", done.err);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn long_throttling_is_logged_once() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let busy = Action::refuse_for(429, "TooManyRequests", "storage is (re)initializing", 1);
    let watch = proxy.rule(Requests::of("GET").at("watch=true"), busy);
    let mut command = kubekv();
    command.env("KUBECONFIG", proxy.kubeconfig());
    let gateway = start_by(command, &namespace, "only");
    // A second each: the operator must be informed after ten.
    until("it throttles for long", || watch.met() > 13);
    watch.lift();
    until_ready(&gateway);
    put(&gateway, "k", "v");
    let done = gateway.stop();
    assert_eq!(done.code, 0, "{}", done.err);
    let complaints = done.err.matches("cannot read the store").count();
    assert_eq!(complaints, 1, "{}", done.err);
    assert!(done.err.contains("the store is read again"), "{}", done.err);
}

/// A failed heartbeat has an unknown outcome: the next one, with the same precondition, resolves it.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn occasional_heartbeat_failures_keep_leadership() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let mut command = kubekv();
    command.env("KUBECONFIG", proxy.kubeconfig());
    let gateway = start_for(command, &namespace, "only", 15);
    until_ready(&gateway);
    let term = leader_record(&namespace)["term"].clone();
    let heartbeats = Requests::of("PUT").of_key("lead");
    let failures = [
        Action::refuse(500, "InternalError", "not now"),
        Action::DropAnswer,
    ];
    for failure in failures {
        let failed = proxy.rule(heartbeats.clone().times(2), failure);
        let written = proxy.rule(heartbeats.clone(), Action::Note);
        until("two fail", || failed.met() == 2);
        until("another one is written", || {
            written.answers().contains(&200)
        });
        written.lift();
        put(&gateway, "k", "v");
        assert_eq!(leader_record(&namespace)["term"], term);
    }
    assert_eq!(gateway.stop().code, 0);
}
