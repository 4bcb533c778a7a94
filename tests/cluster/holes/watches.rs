//! Watches that miss something, and indexes.

use super::{ask, consul_index, edit, json, kill, object, send, start_behind, transaction};
use crate::cluster::{kubectl, namespace};
use crate::gateway::{get, metric, put, start, state, until, until_ready};
use crate::meddler::{Action, Meddler, Requests, Watches};
use crate::running::Running;

/// Hole 15: the last entry of a directory goes, and another gateway, warm or cold, takes over.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn an_emptied_directory_keeps_its_index_whoever_leads() {
    let namespace = namespace();
    let first = start(&namespace, "first");
    until_ready(&first);
    put(&first, "dir/a", "v");
    let full = consul_index(&first, "/v1/kv/dir/?recurse");
    let warm = start(&namespace, "warm");
    until("it follows", || state(&warm) == "relaying");
    assert_eq!(first.run(&["delete", "dir/a"]).code, 0);
    let empty = consul_index(&first, "/v1/kv/dir/?recurse");
    assert!(empty > full, "{empty} after {full}");
    until("nothing is left of it", || {
        object(&namespace, "dir/a").is_none()
    });
    let checks = |gateway: &Running| {
        let index = consul_index(gateway, "/v1/kv/dir/?recurse");
        assert!(index >= empty, "{index} after {empty}");
        let poll = format!("/v1/kv/dir/?recurse&wait=10s&index={full}");
        let told = consul_index(gateway, &poll);
        assert!(told > full, "{told} after {full}");
    };
    kill(first);
    until_ready(&warm);
    checks(&warm);
    kill(warm);
    let cold = start(&namespace, "cold");
    until_ready(&cold);
    checks(&cold);
    assert_eq!(cold.stop().code, 0);
}

/// What etcd's clients are told after an index, change by change, until all of these were.
fn told(gateway: &Running, mut index: u64, wanted: &[(&str, &str)]) {
    let mut left = wanted.to_vec();
    while !left.is_empty() {
        let next = index + 1;
        let poll = format!("GET /v2/keys/?wait=true&recursive=true&waitIndex={next}");
        let event = json(&ask(gateway.etcd, &poll));
        let (key, action) = (&event["node"]["key"], &event["action"]);
        left.retain(|(path, what)| key != path || action != what);
        let at = event["node"]["modifiedIndex"].as_u64().unwrap();
        assert!(at > index, "{event}");
        index = at;
    }
}

/// Holes 17 and 19: the watch is told that its past is forgotten, while keys went and one was made again.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn what_happened_while_a_watch_was_away_is_told_one_by_one() {
    let namespace = namespace();
    let meddler = Meddler::start();
    let gateway = start_behind(&meddler, &namespace, "only", 12);
    until_ready(&gateway);
    for key in ["a", "b", "c", "d"] {
        put(&gateway, key, "before");
    }
    let index = {
        let answer = ask(gateway.etcd, "GET /v2/keys/d");
        super::number(&answer, "x-etcd-index")
    };
    let made = consul_created(&gateway, "c");
    let gone = Action::refuse(410, "Expired", "too old resource version");
    let gone = meddler.rule(Requests::of("GET").at("watch=true").once(), gone);
    meddler.freeze_watches();
    let mut again = object(&namespace, "c").unwrap();
    for key in ["a", "b", "c"] {
        let name = super::name(&namespace, key);
        kubectl(&["-n", &namespace, "delete", "kv", &name], &[]).unwrap();
    }
    let metadata = again["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| ["name", "namespace"].contains(&field.as_str()));
    kubectl(&["create", "-f", "-"], again.to_string().as_bytes()).unwrap();
    edit(&namespace, "d", "by hand");
    gone.wait();
    let wanted = [
        ("/a", "delete"),
        ("/b", "delete"),
        ("/c", "set"),
        ("/d", "set"),
    ];
    told(&gateway, index, &wanted);
    assert_eq!(get(&gateway, "d").as_deref(), Some("by hand"));
    assert!(consul_created(&gateway, "c") > made, "it is another entry");
    assert_eq!(gateway.stop().code, 0);
}

fn consul_created(gateway: &Running, key: &str) -> u64 {
    let entries = json(&ask(gateway.consul, &format!("GET /v1/kv/{key}")));
    entries[0]["CreateIndex"].as_u64().unwrap()
}

/// Hole 17: the past is forgotten between two pages of a list.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_list_that_breaks_in_the_midst_is_begun_anew() {
    let namespace = namespace();
    let meddler = Meddler::start();
    let gateway = start_behind(&meddler, &namespace, "only", 12);
    until_ready(&gateway);
    let keys: Vec<_> = (0..540).map(|n| format!("many/{n}")).collect();
    for some in keys.chunks(60) {
        let sets: Vec<_> = some
            .iter()
            .map(|key| ("set", key.as_str(), "v", 0))
            .collect();
        let answer = super::answer(send(gateway.consul, "PUT /v1/txn", &transaction(&sets)));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    until("all are written", || {
        object(&namespace, "many/539").is_some() && object(&namespace, "many/0").is_some()
    });
    let expired = || Action::refuse(410, "Expired", "too old resource version");
    let pages = Requests::of("GET").at("continue=");
    let broken = meddler.rule(pages.once(), expired());
    let gone = meddler.rule(Requests::of("GET").at("watch=true").once(), expired());
    meddler.freeze_watches();
    broken.wait();
    assert_eq!(gone.met(), 1);
    // What was on its way meanwhile is told to be unknown.
    until("it is written", || {
        gateway.run(&["put", "after", "v"]).code == 0
    });
    let found = json(&ask(gateway.consul, "GET /v1/kv/many/?keys"));
    assert_eq!(found.as_array().unwrap().len(), keys.len());
    assert_eq!(get(&gateway, "after").as_deref(), Some("v"));
    assert_eq!(gateway.stop().code, 0);
}

/// Hole 18: an event is lost on its way.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_change_that_was_never_told_is_found() {
    let namespace = namespace();
    let first = start(&namespace, "first");
    until_ready(&first);
    put(&first, "old", "before");
    let meddler = Meddler::start();
    let second = start_behind(&meddler, &namespace, "second", 2);
    until("it follows", || state(&second) == "relaying");
    meddler.watches(Watches::Lose("\"lost\"".to_owned()));
    put(&first, "new", "lost");
    put(&first, "old", "lost");
    kill(first);
    until_ready(&second);
    until("both are found", || {
        let lost = |key: &&str| get(&second, key).as_deref() == Some("lost");
        ["old", "new"].iter().all(lost)
    });
    assert_eq!(metric(&second, "kubekv_store_differences_total"), 2);
    let done = second.stop();
    assert_eq!(done.code, 0);
    assert!(done.err.contains("changes were never told"), "{}", done.err);
}
