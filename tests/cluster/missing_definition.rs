//! Clusters without the definition of entries, and clusters that cannot be reached.

use crate::definition::without_rules;
use crate::gateway::{get, metric, put, start_by, until, until_ready};
use support::command::{done, kubekv};
use support::kubernetes_servers::Servers;
use support::running::Running;

#[test]
fn missing_cluster_configuration_error_names_the_places_searched() {
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
    let line = "kubekv: kubernetes: no cluster is configured: set KUBECONFIG, create ~/.kube/config, or run in a pod";
    assert!(done.err.starts_with(line), "{done:?}");
    assert_eq!(done.err.lines().count(), 1, "{done:?}");
}

#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn gateway_waits_for_a_missing_definition_and_survives_its_deletion() {
    let own = Servers::start(1);
    let mut command = kubekv();
    command.env("KUBECONFIG", own.kubeconfig(1));
    let definition = kubekv::store::kubernetes::definition().unwrap();
    // It starts before the cluster has the definition: it must log that and wait.
    let started = std::thread::spawn(move || start_by(command, "default", "only"));
    own.kubectl(1, &["apply", "-f", "-"], definition.as_bytes())
        .unwrap();
    let gateway = started.join().unwrap();
    until_ready(&gateway);
    put(&gateway, "k", "v");
    // Deleting the definition deletes all entries.
    own.kubectl(1, &["delete", "crd", "entries.kubekv.io"], &[])
        .unwrap();
    own.kubectl(1, &["apply", "-f", "-"], definition.as_bytes())
        .unwrap();
    until("it leads again", || {
        crate::gateway::state(&gateway) == "ok" && get(&gateway, "k").is_none()
    });
    // A new definition may prune fields for a moment: then the outcome is unknown, and leadership is taken again.
    until("a write is accepted", || {
        gateway.run(&["put", "k", "w"]).code == 0
    });
    assert_eq!(get(&gateway, "k").as_deref(), Some("w"));
    let done = gateway.stop();
    assert_eq!(done.code, 0, "{done:?}");
    let logged = "this cluster has no entries.kubekv.io/v1";
    assert!(done.err.contains(logged), "{}", done.err);
}

#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn definition_that_prunes_write_ids_ends_leadership() {
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
    // As one of an earlier version, which had neither write ids nor rules that use them.
    let mut old: serde_json::Value = serde_saphyr::from_str(&definition).unwrap();
    without_rules(&mut old);
    let fields = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let fields = old.pointer_mut(fields).unwrap().as_object_mut();
    assert!(fields.unwrap().remove("stamp").is_some());
    apply(&old.to_string());
    until("leadership ends", || {
        crate::gateway::state(&gateway) != "ok"
    });
    apply(&definition);
    until_ready(&gateway);
    assert_eq!(get(&gateway, "k").as_deref(), Some("v"));
    // The API server may prune for another moment: then the outcome is unknown, and leadership is taken again.
    until("a write is accepted", || {
        gateway.run(&["put", "k", "w"]).code == 0
    });
    assert_eq!(get(&gateway, "k").as_deref(), Some("w"));
    let done = gateway.stop();
    assert_eq!(done.code, 0, "{done:?}");
    let logged = "is of another version and loses fields: install it with: kubekv crd";
    assert_eq!(done.err.matches(logged).count(), 1, "{}", done.err);
}

/// Starts a gateway on a cluster, with its log in a file.
fn start_logging_to(own: &Servers, name: &str, log: &std::path::Path) -> Running {
    let mut command = kubekv();
    command.env("KUBECONFIG", own.kubeconfig(1));
    command.args(["serve", "--store=kubernetes:default", "--lead-duration=2"]);
    for face in ["--consul", "--etcd", "--admin"] {
        command.args([face, "127.0.0.1:0"]);
    }
    command.args(["--node-name", name]);
    let log = std::fs::File::create(log).unwrap();
    Running::spawn_logging_to(command, log.into())
}

/// Waits until the API server enforces the definition's rules.
fn until_rules_hold(own: &Servers) {
    let probe = serde_json::json!({
        "apiVersion": "kubekv.io/v1", "kind": "Entry",
        "metadata": {"name": "no-hash"}, "spec": {"key": "x"},
    });
    let probe = probe.to_string();
    let create = ["create", "--dry-run=server", "-f", "-"];
    until("the rules are enforced", || {
        own.kubectl(1, &create, probe.as_bytes()).is_err()
    });
}

#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn older_definition_is_served_and_logged_once() {
    let own = Servers::start(1);
    let definition = kubekv::store::kubernetes::definition().unwrap();
    let mut older: serde_json::Value = serde_saphyr::from_str(&definition).unwrap();
    without_rules(&mut older);
    let apply = |definition: &str| {
        own.kubectl(1, &["apply", "-f", "-"], definition.as_bytes())
            .unwrap();
    };
    apply(&older.to_string());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let start = |name: &str| start_logging_to(&own, name, &path);
    let log = || std::fs::read_to_string(&path).unwrap();
    let logged = "the definition of entries.kubekv.io is an older one";
    let gateway = start("one");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    until("it is logged", || log().contains(logged));
    let line = log()
        .lines()
        .find(|line| line.contains(logged))
        .unwrap()
        .to_owned();
    assert!(line.contains("kubekv crd | kubectl apply -f -"), "{line}");
    put(&gateway, "k", "w");
    assert_eq!(get(&gateway, "k").as_deref(), Some("w"));
    assert_eq!(metric(&gateway, "kubekv_store_refused_total"), 0);
    // An edit that the rules would have refused: leadership is taken again, over a leader record that cannot be decoded.
    let lead = "jsonpath={.items[0].metadata.name}";
    let lead = ["get", "kv", "-l", "kubekv.io/record=lead", "-o", lead];
    let lead = own.kubectl(1, &lead, &[]).unwrap();
    let value = r#"{"spec":{"value":"{}"}}"#;
    let edit = ["patch", "kv", &lead, "--type=merge", "-p", value];
    own.kubectl(1, &edit, &[]).unwrap();
    until("leadership ends", || log().contains("cannot be read"));
    until("it leads again", || {
        crate::gateway::state(&gateway) == "ok" && gateway.run(&["put", "k", "w"]).code == 0
    });
    assert_eq!(gateway.stop().code, 0);
    assert_eq!(log().matches(logged).count(), 1, "{}", log());
    // Entries written before the rules stay readable and writable under them.
    apply(&definition);
    until_rules_hold(&own);
    let gateway = start("two");
    until_ready(&gateway);
    assert_eq!(get(&gateway, "k").as_deref(), Some("w"));
    put(&gateway, "k", "x");
    assert_eq!(gateway.run(&["delete", "k"]).code, 0);
    assert_eq!(get(&gateway, "k"), None);
    assert_eq!(gateway.stop().code, 0);
    assert!(!log().contains("definition"), "{}", log());
}
