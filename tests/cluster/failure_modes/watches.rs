//! Gaps in watches, relists, and the indexes that clients get after them.

use rustix::process::Signal;

use super::{ask, consul_index, edit, json, kill, object, send, start_behind, transaction};
use crate::gateway::{
    get, leader_record, metric, put, start, start_for, state, until, until_ready,
};
use support::command::kubekv;
use support::fault_proxy::{Action, FaultProxy, Requests, Watches};
use support::kubernetes::{kubectl, namespace};
use support::metrics::wait_for_metric;
use support::running::Running;

/// Failure mode 15: the last entry of a directory is deleted, and another gateway, warm or cold, takes over.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn index_of_an_emptied_directory_survives_takeover() {
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
    until("its object is removed", || {
        object(&namespace, "dir/a").is_none()
    });
    let checks = |gateway: &Running| {
        let index = consul_index(gateway, "/v1/kv/dir/?recurse");
        assert!(index >= empty, "{index} after {empty}");
        let poll = format!("/v1/kv/dir/?recurse&wait=10s&index={full}");
        let woken = consul_index(gateway, &poll);
        assert!(woken > full, "{woken} after {full}");
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

/// Failure modes 15 and 17: entries are created and deleted during a relist of a standby, which then leads.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn deletions_during_a_relist_of_a_standby_are_not_skipped() {
    let namespace = namespace();
    let first = start_for(kubekv(), &namespace, "first", 4);
    until_ready(&first);
    put(&first, "dir/stays", "v");
    put(&first, "dir/went", "v");
    let proxy = FaultProxy::start();
    let second = start_behind(&proxy, &namespace, "second", 4);
    until("it follows", || state(&second) == "relaying");
    // External writes are counted on delivery: by then the standby has everything before.
    edit(&namespace, "dir/stays", "by hand");
    wait_for_metric(second.admin, "kubekv_store_external_writes_total 1");
    let before = consul_index(&first, "/v1/kv/dir/?recurse");
    let gone = Action::refuse(410, "Expired", "too old resource version");
    proxy.rule(Requests::of("GET").at("watch=true").once(), gone);
    let lists = Requests::of("GET").at("limit=500");
    let list = proxy.rule(lists.once(), Action::Hold);
    proxy.freeze_watches();
    put(&first, "dir/comes", "v");
    let full = consul_index(&first, "/v1/kv/dir/?recurse");
    for key in ["dir/comes", "dir/went"] {
        assert_eq!(first.run(&["delete", key]).code, 0);
        until("its object is removed", || {
            object(&namespace, key).is_none()
        });
    }
    let last = consul_index(&first, "/v1/kv/dir/?recurse");
    list.wait();
    list.release();
    wait_for_metric(second.admin, "kubekv_store_relists_total 1");
    kill(first);
    until_ready(&second);
    let index = consul_index(&second, "/v1/kv/dir/?recurse");
    assert!(index >= last, "{index} after {last}");
    let poll = format!("/v1/kv/dir/?recurse&wait=10s&index={full}");
    let woken = consul_index(&second, &poll);
    assert!(woken > full, "{woken} after {full}");
    // A client that saw the new entry must get its deletion, or the answer that its index is cleared.
    for (node, recursive) in [("dir", true), ("dir/comes", false)] {
        let next = full + 1;
        let poll = format!("GET /v2/keys/{node}?wait=true&recursive={recursive}&waitIndex={next}");
        let answer = ask(second.etcd, &poll);
        assert_eq!(json(&answer)["errorCode"], 401, "{answer}");
    }
    // A client that did not see it gets the deletion of the entry it knew.
    await_changes(&second, before, &[("/dir/went", "delete")]);
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 15: a gateway that relisted leads, and then one that remembers the deletions.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn index_after_a_relist_survives_a_leader_that_remembers_more() {
    let namespace = namespace();
    let first = start(&namespace, "first");
    until_ready(&first);
    put(&first, "stays", "v");
    let remembers = start(&namespace, "remembers");
    until("it follows", || state(&remembers) == "relaying");
    let proxy = FaultProxy::start();
    let relisted = start_behind(&proxy, &namespace, "relisted", 2);
    until("it follows", || state(&relisted) == "relaying");
    let gone = Action::refuse(410, "Expired", "too old resource version");
    proxy.rule(Requests::of("GET").at("watch=true").once(), gone);
    proxy.freeze_watches();
    wait_for_metric(relisted.admin, "kubekv_store_relists_total 1");
    remembers.signal(Signal::STOP);
    assert_eq!(first.stop().code, 0);
    until_ready(&relisted);
    let answered = ["/v1/kv/dir/?recurse", "/v1/kv/absent", "/v1/kv/dir/?keys"];
    let answered = answered.map(|path| (path, consul_index(&relisted, path)));
    remembers.signal(Signal::CONT);
    until("it follows", || state(&remembers) == "relaying");
    assert_eq!(relisted.stop().code, 0);
    until_ready(&remembers);
    for (path, before) in answered {
        let index = consul_index(&remembers, path);
        assert!(index >= before, "{path}: {index} after {before}");
    }
    assert_eq!(remembers.stop().code, 0);
}

/// Failure modes 15 and 17: the leader relists and delivers a deletion without its revision; then one leads that has it.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn deletion_index_found_by_a_relist_survives_takeover() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let first = start_behind(&proxy, &namespace, "first", 12);
    until_ready(&first);
    put(&first, "dir/went", "v");
    put(&first, "stays", "v");
    let second = start(&namespace, "second");
    until("it follows", || state(&second) == "relaying");
    let gone = Action::refuse(410, "Expired", "too old resource version");
    let gone = proxy.rule(Requests::of("GET").at("watch=true").once(), gone);
    proxy.freeze_watches();
    let name = super::name(&namespace, "dir/went");
    kubectl(&["-n", &namespace, "delete", "kv", &name], &[]).unwrap();
    edit(&namespace, "stays", "by hand");
    gone.wait();
    until("the deletion is delivered", || {
        get(&first, "dir/went").is_none()
    });
    let answered = ["/v1/kv/dir/?recurse", "/v1/kv/dir/went"];
    let answered = answered.map(|path| (path, consul_index(&first, path)));
    assert_eq!(first.stop().code, 0);
    until_ready(&second);
    for (path, before) in answered {
        let index = consul_index(&second, path);
        assert!(index >= before, "{path}: {index} after {before}");
    }
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 17: an API server that started later than others remembers less, but not nothing.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn watch_starts_at_the_oldest_available_revision() {
    let namespace = namespace();
    let first = start(&namespace, "first");
    until_ready(&first);
    put(&first, "k", "0");
    let past = || {
        leader_record(&namespace)["past"]
            .as_array()
            .unwrap()
            .clone()
    };
    until("it records past revisions", || past().len() == 2);
    let before = consul_index(&first, "/v1/kv/k");
    for value in ["1", "2", "3"] {
        put(&first, "k", value);
    }
    let oldest = past()[0]["revision"].clone();
    let watches = Requests::of("GET").at("watch=true");
    let gone = Action::refuse(410, "Expired", "too old resource version");
    let proxy = FaultProxy::start();
    let begun = proxy.rule(watches.at(&format!("resourceVersion={oldest}&")), gone);
    let second = start_behind(&proxy, &namespace, "second", 2);
    until("it follows", || state(&second) == "relaying");
    kill(first);
    until_ready(&second);
    let mut next = before + 1;
    for value in ["1", "2", "3"] {
        let poll = format!("GET /v2/keys/k?wait=true&waitIndex={next}");
        let event = json(&ask(second.etcd, &poll));
        assert_eq!(event["node"]["value"], value, "{event}");
        next = event["node"]["modifiedIndex"].as_u64().unwrap() + 1;
    }
    assert!(begun.met() >= 1, "it tried the oldest");
    assert_eq!(second.stop().code, 0);
}

/// Failure mode 17: a gateway that starts reads a large namespace as it is, in one piece, and its last minute from the watch.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn present_of_a_large_namespace_is_rewound() {
    let namespace = namespace();
    let first = start(&namespace, "first");
    until_ready(&first);
    for key in ["stays", "k", "went"] {
        put(&first, key, "0");
    }
    let past = || {
        leader_record(&namespace)["past"]
            .as_array()
            .unwrap()
            .clone()
    };
    until("it records past revisions", || past().len() == 2);
    // The first is refused below, so the list is of the second.
    let before = past()[1]["revision"].as_u64().unwrap();
    for (key, value) in [("k", "1"), ("k", "2"), ("new", "1")] {
        put(&first, key, value);
    }
    assert_eq!(first.run(&["delete", "went"]).code, 0);
    let proxy = FaultProxy::start();
    let gone = Action::refuse(410, "Expired", "too old resource version");
    let oldest = format!("resourceVersion={}&", past()[0]["revision"]);
    proxy.rule(Requests::of("GET").at("watch=true").at(&oldest), gone);
    let metadata = serde_json::json!({
        "resourceVersion": "1", "continue": "later", "remainingItemCount": 1_000_000,
    });
    let large = Action::Answer {
        status: 200,
        headers: Vec::new(),
        body: serde_json::json!({"metadata": metadata, "items": []}).to_string(),
    };
    let pages = Requests::of("GET").at("limit=500&resourceVersionMatch=Exact");
    let pages = proxy.rule(pages, large);
    let whole = Requests::of("GET").at("resourceVersionMatch=NotOlderThan");
    let whole = proxy.rule(whole, Action::Note);
    kill(first);
    let second = start_behind(&proxy, &namespace, "second", 2);
    until_ready(&second);
    assert_eq!((pages.met(), whole.met()), (1, 1));
    let poll = format!("GET /v2/keys/k?wait=true&waitIndex={}", before + 1);
    let event = json(&ask(second.etcd, &poll));
    assert_eq!(event["prevNode"]["value"], "0", "{event}");
    let wanted = [("/k", "set"), ("/new", "set"), ("/went", "delete")];
    await_changes(&second, before, &wanted);
    for (key, value) in [("k", Some("2")), ("stays", Some("0")), ("went", None)] {
        assert_eq!(get(&second, key).as_deref(), value, "{key}");
    }
    assert_eq!(metric(&second, "kubekv_store_relists_total"), 0);
    assert_eq!(second.stop().code, 0);
}

/// Follows an etcd watch from an index, change by change, until all of these changes were delivered.
fn await_changes(gateway: &Running, mut index: u64, wanted: &[(&str, &str)]) {
    let mut left = wanted.to_vec();
    while !left.is_empty() {
        let next = index + 1;
        let poll = format!("GET /v2/keys/?wait=true&recursive=true&waitIndex={next}");
        let event = json(&ask(gateway.etcd, &poll));
        let (key, action) = (&event["node"]["key"], &event["action"]);
        left.retain(|(path, what)| key != path || action != what);
        let at = event["node"]["modifiedIndex"].as_u64();
        let at = at.unwrap_or_else(|| panic!("{event}"));
        assert!(at > index, "{event}");
        index = at;
    }
}

/// Failure modes 17 and 19: the watch gets a 410, after keys were deleted and one was created again.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn changes_in_a_watch_gap_are_delivered_one_by_one() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let gateway = start_behind(&proxy, &namespace, "only", 12);
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
    let gone = proxy.rule(Requests::of("GET").at("watch=true").once(), gone);
    proxy.freeze_watches();
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
    await_changes(&gateway, index, &wanted);
    assert_eq!(get(&gateway, "d").as_deref(), Some("by hand"));
    assert!(consul_created(&gateway, "c") > made, "it is another entry");
    assert_eq!(gateway.stop().code, 0);
}

fn consul_created(gateway: &Running, key: &str) -> u64 {
    let entries = json(&ask(gateway.consul, &format!("GET /v1/kv/{key}")));
    entries[0]["CreateIndex"].as_u64().unwrap()
}

/// Failure mode 17: the list's revision is compacted between two pages.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn list_interrupted_between_pages_restarts() {
    let namespace = namespace();
    let proxy = FaultProxy::start();
    let gateway = start_behind(&proxy, &namespace, "only", 12);
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
    let broken = proxy.rule(pages.once(), expired());
    let gone = proxy.rule(Requests::of("GET").at("watch=true").once(), expired());
    proxy.freeze_watches();
    broken.wait();
    assert_eq!(gone.met(), 1);
    // A write in flight meanwhile is answered as an unknown outcome.
    until("it is written", || {
        gateway.run(&["put", "after", "v"]).code == 0
    });
    let found = json(&ask(gateway.consul, "GET /v1/kv/many/?keys"));
    assert_eq!(found.as_array().unwrap().len(), keys.len());
    assert_eq!(get(&gateway, "after").as_deref(), Some("v"));
    assert_eq!(gateway.stop().code, 0);
}

/// Failure mode 18: the watch loses an event.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn lost_watch_event_is_found_by_the_new_leader() {
    let namespace = namespace();
    let first = start(&namespace, "first");
    until_ready(&first);
    put(&first, "old", "before");
    let proxy = FaultProxy::start();
    let second = start_behind(&proxy, &namespace, "second", 2);
    until("it follows", || state(&second) == "relaying");
    proxy.watches(Watches::Lose("\"lost\"".to_owned()));
    put(&first, "new", "lost");
    put(&first, "old", "lost");
    kill(first);
    until_ready(&second);
    until("both lost changes are found", || {
        let lost = |key: &&str| get(&second, key).as_deref() == Some("lost");
        ["old", "new"].iter().all(lost)
    });
    assert_eq!(metric(&second, "kubekv_store_differences_total"), 2);
    let done = second.stop();
    assert_eq!(done.code, 0);
    assert!(done.err.contains("watch lost changes"), "{}", done.err);
}

/// Failure mode 18: a standby finds the loss before it leads, where the key of the lost event is written again.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn lost_watch_event_is_found_by_a_standby_from_a_later_write() {
    let namespace = namespace();
    let first = start(&namespace, "first");
    until_ready(&first);
    put(&first, "a", "before");
    let proxy = FaultProxy::start();
    let second = start_behind(&proxy, &namespace, "second", 2);
    until("it follows", || state(&second) == "relaying");
    proxy.watches(Watches::Lose("\"lost\"".to_owned()));
    put(&first, "a", "lost");
    let both = transaction(&[("set", "a", "v", 0), ("set", "b", "v", 0)]);
    let answer = super::answer(send(first.consul, "PUT /v1/txn", &both));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    until("the lost change is found", || {
        metric(&second, "kubekv_store_differences_total") > 0
    });
    assert_eq!(state(&second), "relaying");
    kill(first);
    until_ready(&second);
    assert_eq!(get(&second, "a").as_deref(), Some("v"));
    assert_eq!(get(&second, "b").as_deref(), Some("v"));
    assert_eq!(second.stop().code, 0);
}
