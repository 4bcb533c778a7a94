//! The definition of the custom resource.

use support::command::run;
use support::kubernetes::{kubectl, namespace};

/// Takes the rules for edits out of a definition, wherever they are.
pub(crate) fn without_rules(value: &mut serde_json::Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.remove("x-kubernetes-validations");
        fields.values_mut().for_each(without_rules);
    } else if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(without_rules);
    }
}

#[test]
fn crds_folder_equals_the_printed_definition() {
    let printed = run(&["crd"]);
    assert_eq!(printed.code, 0, "{printed:?}");
    let names = ["entries", "accesspolicies"];
    let held = names.map(|name| {
        let path = crate::rendered::crds().join(format!("{name}.kubekv.io.yaml"));
        std::fs::read_to_string(path).unwrap()
    });
    assert_eq!(
        printed.text(),
        held.join("---\n"),
        "kubekv crd, at each --- a file of crds"
    );
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn api_server_refuses_entries_no_gateway_writes() {
    let namespace = namespace();
    let name = kubekv::store::kubernetes::object_name(b"e");
    let apply = |spec: serde_json::Value| {
        let object = serde_json::json!({
            "apiVersion": "kubekv.io/v1",
            "kind": "Entry",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        });
        let object = object.to_string();
        kubectl(&["apply", "--dry-run=server", "-f", "-"], object.as_bytes())
    };
    apply(serde_json::json!({"key": "e", "value": "v", "size": 1})).unwrap();
    let znode = |znode: serde_json::Value| {
        let attributes = serde_json::json!({"other": {"znode": znode, "later": 1}});
        serde_json::json!({"key": "e", "attributes": attributes})
    };
    let acl = serde_json::json!([{"perms": 31, "scheme": "world", "id": "anyone"}]);
    apply(znode(serde_json::json!({"acl": acl, "later": [1]}))).unwrap();
    for (spec, why) in [
        (serde_json::json!({"key": 1, "size": 1}), "spec.key"),
        (serde_json::json!({"key": "e", "size": -1}), "spec.size"),
        (
            serde_json::json!({"key": "e", "size": 1, "realm": "other"}),
            "spec.realm",
        ),
        (
            serde_json::json!({"key": "k".repeat(8193), "size": 1}),
            "spec.key",
        ),
        (
            serde_json::json!({"key": "e", "size": 1, "colour": "red"}),
            "spec.colour",
        ),
        (serde_json::json!({"size": 1}), "exactly one of key"),
        (
            serde_json::json!({"key": "e", "value": "v", "valueBase64": "dg=="}),
            "exclude each other",
        ),
        (znode(serde_json::json!({"acl": []})), "znode.acl"),
        (
            znode(
                serde_json::json!({"acl": [{"perms": "all", "scheme": "world", "id": "anyone"}]}),
            ),
            "perms",
        ),
        (
            znode(serde_json::json!({"acl": [{"perms": 31, "scheme": "world"}]})),
            "id: Required",
        ),
        (znode(serde_json::json!({"ttl_ms": -1})), "znode.ttl_ms"),
    ] {
        let refused = apply(spec).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
