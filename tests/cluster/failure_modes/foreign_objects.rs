//! Objects in the namespace that other programs edit, copy or keep from being deleted, and definitions that prune fields.

use super::{ask, consul_index, json, object, sync};
use crate::definition::without_rules;
use crate::gateway::{get, put, start, start_by, state, until, until_ready};
use support::command::kubekv;
use support::kubernetes::{kubectl, namespace};
use support::kubernetes_servers::Servers;

/// Failure mode 20: an object is deleted, and a finalizer holds it back.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn entry_held_by_a_finalizer_is_deleted_and_can_be_recreated_after_it() {
    let namespace = namespace();
    let gateway = start(&namespace, "only");
    until_ready(&gateway);
    put(&gateway, "k", "before");
    let name = super::name(&namespace, "k");
    let finalizers = |list: serde_json::Value| {
        let patch = serde_json::json!({"metadata": {"finalizers": list}}).to_string();
        let patched = ["patch", "kv", &name, "--type=merge", "-p", &patch];
        kubectl(&[&["-n", &namespace], &patched[..]].concat(), &[]).unwrap();
    };
    finalizers(serde_json::json!(["example.com/hold"]));
    kubectl(
        &["-n", &namespace, "delete", "kv", &name, "--wait=false"],
        &[],
    )
    .unwrap();
    sync(&gateway);
    assert_eq!(get(&gateway, "k"), None);
    let refused = ask(gateway.etcd, "PUT /v2/keys/k?value=after");
    assert!(refused.contains("finalizer"), "{refused}");
    finalizers(serde_json::json!([]));
    until("its object is removed", || {
        object(&namespace, "k").is_none()
    });
    sync(&gateway);
    put(&gateway, "k", "after");
    assert_eq!(get(&gateway, "k").as_deref(), Some("after"));
    assert_eq!(gateway.stop().code, 0);
}

/// Failure mode 20: an old copy of an object is applied.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn restored_old_object_lowers_no_index() {
    let namespace = namespace();
    let gateway = start(&namespace, "only");
    until_ready(&gateway);
    put(&gateway, "k", "old");
    let made = json(&ask(gateway.consul, "PUT /v1/session/create"));
    let id = made["ID"].as_str().unwrap();
    let mut copy = object(&namespace, "k").unwrap();
    let metadata = copy["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| ["name", "namespace"].contains(&field.as_str()));
    for verb in ["acquire", "release", "acquire", "release"] {
        let answer = ask(gateway.consul, &format!("PUT /v1/kv/k?{verb}={id}"));
        assert!(answer.ends_with("true"), "{answer}");
    }
    let before = json(&ask(gateway.consul, "GET /v1/kv/k"));
    assert_eq!(before[0]["LockIndex"], 2);
    kubectl(&["replace", "-f", "-"], copy.to_string().as_bytes()).unwrap();
    sync(&gateway);
    let check = |entry: &serde_json::Value| {
        assert_eq!(entry["CreateIndex"], before[0]["CreateIndex"]);
        assert_eq!(entry["LockIndex"], 2);
        assert!(entry["ModifyIndex"].as_u64() > before[0]["ModifyIndex"].as_u64());
    };
    assert_eq!(get(&gateway, "k").as_deref(), Some("old"));
    check(&json(&ask(gateway.consul, "GET /v1/kv/k"))[0]);
    assert!(consul_index(&gateway, "/v1/kv/k") > before[0]["ModifyIndex"].as_u64().unwrap());
    assert_eq!(gateway.stop().code, 0);
}

/// Failure mode 20: the cluster's definition is an older one and prunes the write ids that identify each write.
#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn no_leadership_where_write_ids_are_lost() {
    let servers = Servers::start(1);
    let definition = kubekv::store::kubernetes::definition().unwrap();
    let mut old: serde_json::Value = {
        let read = ["create", "--dry-run=client", "-o", "json", "-f", "-"];
        let text = servers.kubectl(1, &read, definition.as_bytes()).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    without_rules(&mut old);
    let schema = &mut old["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let fields = schema["properties"]["spec"]["properties"].as_object_mut();
    assert!(fields.unwrap().remove("stamp").is_some());
    servers
        .kubectl(1, &["create", "-f", "-"], old.to_string().as_bytes())
        .unwrap();
    let mut command = kubekv();
    command.env("KUBECONFIG", servers.kubeconfig(1));
    let gateway = start_by(command, "default", "only");
    let path = "jsonpath={range .items[?(@.spec.key==\"lead\")]}{.metadata.generation}{end}";
    until("leadership is taken and given up repeatedly", || {
        let written = servers.kubectl(1, &["get", "kv", "-o", path], &[]);
        written.is_ok_and(|written| written.parse::<u64>().is_ok_and(|times| times > 6))
    });
    assert_ne!(state(&gateway), "ok");
    servers
        .kubectl(1, &["replace", "-f", "-"], definition.as_bytes())
        .unwrap();
    until_ready(&gateway);
    put(&gateway, "k", "v");
    let done = gateway.stop();
    assert_eq!(done.code, 0);
    assert!(done.err.contains("loses fields"), "{}", done.err);
}
