//! The definition of the custom resource.

use crate::cluster::{kubectl, namespace};
use crate::command::run;

#[test]
fn crds_holds_what_the_command_prints() {
    let printed = run(&["crd"]);
    assert_eq!(printed.code, 0, "{printed:?}");
    let held = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/entries.kubekv.io.yaml");
    let held = std::fs::read_to_string(held).unwrap();
    assert_eq!(
        printed.text(),
        held,
        "kubekv crd >crds/entries.kubekv.io.yaml"
    );
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn the_api_server_refuses_what_no_gateway_writes() {
    let namespace = namespace();
    let apply = |spec: serde_json::Value| {
        let object = serde_json::json!({
            "apiVersion": "kubekv.io/v1",
            "kind": "Entry",
            "metadata": {"name": "e", "namespace": namespace},
            "spec": spec,
        });
        let object = object.to_string();
        kubectl(&["apply", "--dry-run=server", "-f", "-"], object.as_bytes())
    };
    apply(serde_json::json!({"key": "e", "value": "v", "size": 1})).unwrap();
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
    ] {
        let refused = apply(spec).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
