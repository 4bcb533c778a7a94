//! Clusters that do not know of entries, and those that cannot be reached.

use crate::command::{done, kubekv};
use crate::gateway::{get, put, start_by, until, until_ready};
use crate::servers::Servers;

#[test]
fn without_a_cluster_it_says_where_it_looked() {
    let mut command = kubekv();
    command.args([
        "serve",
        "--store",
        "kubernetes:",
        "--consul=off",
        "--etcd=off",
        "--admin=off",
    ]);
    command.args(["--log-level", "error"]);
    command
        .env("KUBECONFIG", "/nowhere/config")
        .env("HOME", "/nowhere");
    command.env_remove("KUBERNETES_SERVICE_HOST");
    let done = done(command.output().unwrap());
    assert_eq!(done.code, 6, "{done:?}");
    let line = "kubekv: kubernetes: no cluster is named, neither by KUBECONFIG nor ~/.kube/config nor by being a pod";
    assert!(done.err.starts_with(line), "{done:?}");
    assert_eq!(done.err.lines().count(), 1, "{done:?}");
}

#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn a_definition_that_is_missing_is_waited_for_and_may_go_and_come_back() {
    let own = Servers::start(1);
    let mut command = kubekv();
    command.env("KUBECONFIG", own.kubeconfig(1));
    let definition = kubekv::store::kubernetes::definition().unwrap();
    // It starts before the cluster knows of entries: it must say so and wait.
    let started = std::thread::spawn(move || start_by(command, "default", "only"));
    own.kubectl(1, &["apply", "-f", "-"], definition.as_bytes())
        .unwrap();
    let gateway = started.join().unwrap();
    until_ready(&gateway);
    put(&gateway, "k", "v");
    // With the definition all entries go.
    own.kubectl(1, &["delete", "crd", "entries.kubekv.io"], &[])
        .unwrap();
    own.kubectl(1, &["apply", "-f", "-"], definition.as_bytes())
        .unwrap();
    until("it leads again", || {
        crate::gateway::state(&gateway) == "ok" && get(&gateway, "k").is_none()
    });
    // A definition that is new may lose fields for a moment: then the outcome is unknown, and the lead taken anew.
    until("taken", || gateway.run(&["put", "k", "w"]).code == 0);
    assert_eq!(get(&gateway, "k").as_deref(), Some("w"));
    let done = gateway.stop();
    assert_eq!(done.code, 0, "{done:?}");
    let told = "this cluster has no entries.kubekv.io/v1";
    assert!(done.err.contains(told), "{}", done.err);
}

#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn a_definition_that_loses_stamps_is_not_led_on() {
    let own = Servers::start(1);
    let definition = kubekv::store::kubernetes::definition().unwrap();
    let apply = |definition: &str| {
        own.kubectl(1, &["apply", "-f", "-"], definition.as_bytes())
            .unwrap();
    };
    apply(&definition);
    let mut command = kubekv();
    command.env("KUBECONFIG", own.kubeconfig(1));
    let gateway = start_by(command, "default", "only");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    // As one of an earlier version, which did not know of stamps.
    let remove = serde_json::json!([{"op": "remove",
        "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/stamp"}]);
    let patch = [
        "patch",
        "crd",
        "entries.kubekv.io",
        "--type=json",
        "-p",
        &remove.to_string(),
    ];
    own.kubectl(1, &patch, &[]).unwrap();
    until("the lead ends", || crate::gateway::state(&gateway) != "ok");
    apply(&definition);
    until_ready(&gateway);
    assert_eq!(get(&gateway, "k").as_deref(), Some("v"));
    // The API server may prune for a moment still: then the outcome is unknown, and the lead taken anew.
    until("taken", || gateway.run(&["put", "k", "w"]).code == 0);
    assert_eq!(get(&gateway, "k").as_deref(), Some("w"));
    let done = gateway.stop();
    assert_eq!(done.code, 0, "{done:?}");
    let told = "is of another version and loses fields: install it with: kubekv crd";
    assert_eq!(done.err.matches(told).count(), 1, "{}", done.err);
}
