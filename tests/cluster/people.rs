//! What people do with kubectl, clients see, and the other way round.

use std::io::Read;

use crate::cluster::{kubectl, namespace};
use crate::gateway::{get, metric, put, start, until, until_ready};
use crate::running::{ask, send};

/// The name of the object a key is kept as.
fn object(namespace: &str, key: &str) -> String {
    let path =
        format!("jsonpath={{range .items[?(@.spec.key==\"{key}\")]}}{{.metadata.name}}{{end}}");
    kubectl(&["-n", namespace, "get", "kv", "-o", &path], &[]).unwrap()
}

fn patch(namespace: &str, name: &str, spec: &serde_json::Value) {
    let patch = serde_json::json!({ "spec": spec }).to_string();
    kubectl(
        &[
            "-n",
            namespace,
            "patch",
            "kv",
            name,
            "--type=merge",
            "-p",
            &patch,
        ],
        &[],
    )
    .unwrap();
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn kubectl_shows_entries_as_people_read_them() {
    let namespace = namespace();
    let gateway = start(&namespace, "one");
    until_ready(&gateway);
    put(&gateway, "docker/network/v1.0/blue", "some text");
    let table = kubectl(&["-n", &namespace, "get", "kv"], &[]).unwrap();
    let mut lines = table.lines();
    let head: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["NAME", "KEY", "SIZE", "REVISION", "AGE"], "{table}");
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
fn an_edit_and_a_deletion_reach_clients_that_wait() {
    let namespace = namespace();
    let gateway = start(&namespace, "one");
    until_ready(&gateway);
    put(&gateway, "k", "before");
    let name = object(&namespace, "k");
    let waits = send(gateway.etcd, "GET /v2/keys/k?wait=true");
    until("parked", || {
        ask(gateway.admin, "GET /metrics").contains("kubekv_face_in_flight{face=\"etcd\"} 1")
    });
    patch(&namespace, &name, &serde_json::json!({"value": "by hand"}));
    let mut waits = waits;
    let mut told = Vec::new();
    let mut part = [0; 4096];
    while !String::from_utf8_lossy(&told).contains("by hand") {
        let read = waits.read(&mut part).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&told));
        told.extend_from_slice(&part[..read]);
    }
    assert!(String::from_utf8_lossy(&told).contains("\"action\":\"set\""));
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
    until("parked", || {
        ask(gateway.admin, "GET /metrics").contains("kubekv_face_in_flight{face=\"consul\"} 1")
    });
    kubectl(&["-n", &namespace, "delete", "kv", &name], &[]).unwrap();
    let answer = waits.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert_eq!(get(&gateway, "k"), None);
    // A key that people deleted can be made again.
    put(&gateway, "k", "anew");
    assert_eq!(get(&gateway, "k").as_deref(), Some("anew"));
    assert!(gateway.stop().code == 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn objects_that_are_not_as_they_should_be_stop_nothing() {
    let namespace = namespace();
    let gateway = start(&namespace, "one");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    put(&gateway, "other", "w");
    // A copy under another name, as a restored backup makes them, and an entry whose key was edited.
    let copy = serde_json::json!({
        "apiVersion": "kubekv.io/v1",
        "kind": "Entry",
        "metadata": {"name": "copy-of-k", "namespace": namespace},
        "spec": {"key": "k", "value": "stolen", "size": 6},
    });
    kubectl(&["create", "-f", "-"], copy.to_string().as_bytes()).unwrap();
    patch(
        &namespace,
        &object(&namespace, "other"),
        &serde_json::json!({"key": "elsewhere"}),
    );
    put(&gateway, "after", "x");
    until("the edited one is gone", || {
        get(&gateway, "other").is_none()
    });
    assert_eq!(get(&gateway, "k").as_deref(), Some("v"));
    assert_eq!(get(&gateway, "elsewhere"), None);
    assert_eq!(metric(&gateway, "kubekv_store_misfits"), 2);
    assert_eq!(get(&gateway, "after").as_deref(), Some("x"));
    // Both are still so for whoever reads them anew.
    assert!(gateway.stop().code == 0);
    let next = start(&namespace, "two");
    until_ready(&next);
    assert_eq!(get(&next, "k").as_deref(), Some("v"));
    assert_eq!(get(&next, "other"), None);
    // What the name is for can be written again.
    put(&next, "other", "mended");
    assert_eq!(get(&next, "other").as_deref(), Some("mended"));
    assert_eq!(metric(&next, "kubekv_store_misfits"), 1);
    assert!(next.stop().code == 0);
}
