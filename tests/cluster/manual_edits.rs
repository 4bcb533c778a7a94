//! Edits by kubectl as clients see them, and writes of clients as kubectl sees them.

use serde_json::json;

use crate::gateway::{get, metric, put, start, until, until_ready};
use support::kubernetes::{kubectl, namespace};
use support::metrics::wait_for_metric;
use support::requests::{ask, read_until, send};

/// The name of the object of a key.
fn object(namespace: &str, key: &str) -> String {
    let path =
        format!("jsonpath={{range .items[?(@.spec.key==\"{key}\")]}}{{.metadata.name}}{{end}}");
    kubectl(&["-n", namespace, "get", "kv", "-o", &path], &[]).unwrap()
}

/// Edits an entry; what the API server says where it refuses.
fn try_patch(namespace: &str, name: &str, spec: &serde_json::Value) -> Result<String, String> {
    let patch = json!({ "spec": spec }).to_string();
    let patched = ["patch", "kv", name, "--type=merge", "-p", &patch];
    kubectl(&[&["-n", namespace], &patched[..]].concat(), &[])
}

fn patch(namespace: &str, name: &str, spec: &serde_json::Value) {
    try_patch(namespace, name, spec).unwrap();
}

/// Creates an object with kubectl; what the API server says where it refuses.
fn create(namespace: &str, name: &str, spec: &serde_json::Value) -> Result<String, String> {
    let object = json!({
        "apiVersion": "kubekv.io/v1",
        "kind": "Entry",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    });
    kubectl(&["create", "-f", "-"], object.to_string().as_bytes())
}

/// The keys that kubectl lists, by a selector of labels.
fn keys(namespace: &str, selector: &str) -> Vec<String> {
    let path = "jsonpath={range .items[*]}{.spec.key}{\"\\n\"}{end}";
    let list = ["-n", namespace, "get", "kv", "-l", selector, "-o", path];
    let list = kubectl(&list, &[]).unwrap();
    list.lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn kubectl_shows_readable_entries() {
    let namespace = namespace();
    let gateway = start(&namespace, "one");
    until_ready(&gateway);
    put(&gateway, "docker/network/v1.0/blue", "some text");
    let table = kubectl(&["-n", &namespace, "get", "kv"], &[]).unwrap();
    let mut lines = table.lines();
    let head: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(
        head,
        ["NAME", "KEY", "RECORD", "SIZE", "REVISION", "AGE"],
        "{table}"
    );
    let row = lines
        .find(|line| line.contains("docker/network/v1.0/blue"))
        .unwrap();
    let row: Vec<_> = row.split_whitespace().collect();
    assert!(row[0].starts_with("docker.network.v1.0.blue-"), "{table}");
    assert_eq!(row[2], "9", "{table}");
    let name = object(&namespace, "docker/network/v1.0/blue");
    let value = [
        "-n",
        &namespace,
        "get",
        "kv",
        &name,
        "-o",
        "jsonpath={.spec.value}",
    ];
    assert_eq!(kubectl(&value, &[]).unwrap(), "some text");
    assert!(gateway.stop().code == 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn edits_and_deletions_by_kubectl_wake_watches() {
    let namespace = namespace();
    let gateway = start(&namespace, "one");
    until_ready(&gateway);
    put(&gateway, "k", "before");
    let name = object(&namespace, "k");
    let mut waits = send(gateway.etcd, "GET /v2/keys/k?wait=true");
    wait_for_metric(gateway.admin, "kubekv_face_in_flight{face=\"etcd\"} 1");
    patch(&namespace, &name, &json!({"value": "by hand"}));
    let event = read_until(&mut waits, "by hand");
    assert!(event.contains("\"action\":\"set\""));
    assert_eq!(get(&gateway, "k").as_deref(), Some("by hand"));
    let index = {
        let answer = ask(gateway.consul, "GET /v1/kv/k");
        let line = answer
            .lines()
            .find(|line| line.to_lowercase().starts_with("x-consul-index"));
        line.unwrap().split(": ").nth(1).unwrap().to_owned()
    };
    let waits = std::thread::spawn({
        let consul = gateway.consul;
        move || ask(consul, &format!("GET /v1/kv/k?wait=50s&index={index}"))
    });
    wait_for_metric(gateway.admin, "kubekv_face_in_flight{face=\"consul\"} 1");
    kubectl(&["-n", &namespace, "delete", "kv", &name], &[]).unwrap();
    let answer = waits.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert_eq!(get(&gateway, "k"), None);
    // A key that was deleted with kubectl can be created again.
    put(&gateway, "k", "again");
    assert_eq!(get(&gateway, "k").as_deref(), Some("again"));
    assert!(gateway.stop().code == 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn invalid_objects_stop_nothing() {
    let namespace = namespace();
    let gateway = start(&namespace, "one");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    // A copy under another name, as a restored backup makes them, and one with the name that another key is to have.
    let copy = format!("copy-of-k-{:032}", 0);
    create(
        &namespace,
        &copy,
        &json!({"key": "k", "value": "stolen", "size": 6}),
    )
    .unwrap();
    let other = kubekv::store::kubernetes::object_name(b"other");
    create(
        &namespace,
        &other,
        &json!({"key": "elsewhere", "value": "stolen", "size": 6}),
    )
    .unwrap();
    put(&gateway, "after", "x");
    until("both are counted", || {
        metric(&gateway, "kubekv_store_invalid_objects") == 2
    });
    assert_eq!(get(&gateway, "other"), None);
    assert_eq!(get(&gateway, "k").as_deref(), Some("v"));
    assert_eq!(get(&gateway, "elsewhere"), None);
    assert_eq!(get(&gateway, "after").as_deref(), Some("x"));
    // A gateway that reads everything again sees the same.
    assert!(gateway.stop().code == 0);
    let next = start(&namespace, "two");
    until_ready(&next);
    assert_eq!(get(&next, "k").as_deref(), Some("v"));
    assert_eq!(get(&next, "other"), None);
    // The key to which the name belongs can be written again.
    put(&next, "other", "mended");
    assert_eq!(get(&next, "other").as_deref(), Some("mended"));
    assert_eq!(metric(&next, "kubekv_store_invalid_objects"), 1);
    assert!(next.stop().code == 0);
}

/// Edits of an entry's spec, and what of the answer says why each is refused.
fn vanishing_edits() -> Vec<(serde_json::Value, &'static str)> {
    vec![
        (json!({"key": "other"}), "a key is not renamed"),
        (json!({"key": ""}), "a key is not renamed"),
        (
            json!({"key": null, "keyBase64": "aw=="}),
            "a key is not renamed",
        ),
        (json!({"realm": "system"}), "a key is not renamed"),
        (
            json!({"keyBase64": "aw=="}),
            "exactly one of key and keyBase64",
        ),
        (json!({"key": null}), "exactly one of key and keyBase64"),
        (json!({"valueBase64": "dg=="}), "exclude each other"),
        (json!({"deleted": true}), "deleted is the gateway's"),
        (
            json!({"attributes": {"flags": "18446744073709551616"}}),
            "flags have 64 bits",
        ),
        (
            json!({"attributes": {"lock": "me"}}),
            "spec.attributes.lock",
        ),
        (
            json!({"attributes": {"bound": "me"}}),
            "spec.attributes.bound",
        ),
        (json!({"attributes": {"deadlineMs": 1}}), "go together"),
        (json!({"attributes": {"ttlMs": 1}}), "go together"),
        (
            json!({"attributes": {"version": -1}}),
            "spec.attributes.version",
        ),
        (json!({"valueBase64": "/w=="}), "exclude each other"),
        (
            json!({"value": null, "valueBase64": "dg="}),
            "groups of four",
        ),
        (
            json!({"value": null, "valueBase64": "d\ng=="}),
            "spec.valueBase64",
        ),
    ]
}

/// The schema's types alone would accept each edit, which would make the entry vanish or keep every gateway from leading.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn edits_that_would_make_an_entry_vanish_are_refused() {
    let namespace = namespace();
    let gateway = start(&namespace, "one");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    let name = object(&namespace, "k");
    for (edit, why) in vanishing_edits() {
        let refused = try_patch(&namespace, &name, &edit).expect_err(why);
        assert!(refused.contains(why), "{edit}: {refused}");
    }
    let refused = create(&namespace, "copy-of-k", &json!({"key": "k"})).unwrap_err();
    assert!(refused.contains("kubekv name KEY"), "{refused}");
    let lead = kubectl(
        &[
            "-n",
            &namespace,
            "get",
            "kv",
            "-l",
            "kubekv.io/record=lead",
            "-o",
            "jsonpath={.items[0].metadata.name}",
        ],
        &[],
    );
    let refused = try_patch(&namespace, &lead.unwrap(), &json!({"value": "{}"})).unwrap_err();
    assert!(refused.contains("only a gateway writes"), "{refused}");
    put(&gateway, "after", "x");
    assert_eq!(get(&gateway, "k").as_deref(), Some("v"));
    assert_eq!(metric(&gateway, "kubekv_store_external_writes_total"), 0);
    assert_eq!(gateway.stop().code, 0);
}

/// Edits that no rule can refuse, because gateways write such fields: each counts, and stops nothing.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn counters_edited_to_their_limits_stop_no_write_and_no_gateway() {
    let namespace = namespace();
    let gateway = start(&namespace, "one");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    put(&gateway, "t", "v");
    let name = object(&namespace, "k");
    patch(
        &namespace,
        &name,
        &json!({"value": null, "valueBase64": "QR==", "size": 0,
            "attributes": {"version": i64::MAX, "lockIndex": i64::MAX}}),
    );
    until("it is delivered", || {
        get(&gateway, "k").as_deref() == Some("A")
    });
    put(&gateway, "k", "w");
    // The highest of terms, on an object that the next gateway reads.
    patch(&namespace, &name, &json!({"stamp": {"term": i64::MAX}}));
    // The earliest deadline possible: the entry expires, as the editor asked.
    patch(
        &namespace,
        &object(&namespace, "t"),
        &json!({"attributes": {"deadlineMs": i64::MIN, "ttlMs": i64::MAX}}),
    );
    until("it ended", || get(&gateway, "t").is_none());
    put(&gateway, "far", "v");
    patch(
        &namespace,
        &object(&namespace, "far"),
        &json!({"attributes": {"deadlineMs": i64::MAX, "ttlMs": i64::MAX}}),
    );
    assert_eq!(gateway.stop().code, 0);
    let next = start(&namespace, "two");
    until_ready(&next);
    assert_eq!(get(&next, "k").as_deref(), Some("w"));
    put(&next, "k", "x");
    assert_eq!(get(&next, "k").as_deref(), Some("x"));
    assert_eq!(get(&next, "far").as_deref(), Some("v"));
    assert_eq!(next.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn label_separates_own_records_from_clients_entries() {
    let namespace = namespace();
    let gateway = start(&namespace, "one");
    until_ready(&gateway);
    // A client's key whose object's name begins as those of own records do.
    put(&gateway, "kubekv/lead", "v");
    let session = ask(gateway.consul, "PUT /v1/session/create");
    assert!(session.starts_with("HTTP/1.1 200"), "{session}");
    assert_eq!(keys(&namespace, "!kubekv.io/record"), ["kubekv/lead"]);
    assert_eq!(keys(&namespace, "kubekv.io/record=lead"), ["lead"]);
    let leases = keys(&namespace, "kubekv.io/record=lease");
    assert!(
        leases.len() == 1 && leases[0].starts_with("lease/"),
        "{leases:?}"
    );
    // As the release before wrote them.
    let unlabel = [
        "-n",
        &namespace,
        "label",
        "kv",
        "--all",
        "kubekv.io/record-",
    ];
    kubectl(&unlabel, &[]).unwrap();
    assert_eq!(gateway.stop().code, 0);
    let next = start(&namespace, "two");
    until_ready(&next);
    assert_eq!(get(&next, "kubekv/lead").as_deref(), Some("v"));
    let sessions = ask(next.consul, "GET /v1/session/list");
    assert!(
        sessions.contains(leases[0].trim_start_matches("lease/")),
        "{sessions}"
    );
    assert_eq!(keys(&namespace, "kubekv.io/record=lead"), ["lead"]);
    assert_eq!(next.stop().code, 0);
}
