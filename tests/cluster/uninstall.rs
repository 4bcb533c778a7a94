//! Uninstalling: deleting an install keeps its entries and leaves other installs alone.

use serde_json::Value;

use crate::gateway::{get, put, until_ready};
use crate::pod::Account;
use crate::rendered::{Overlay, crds, manifests, only, render};
use support::kubernetes::kubectl;
use support::running::Running;

/// The annotations by which Argo CD, Helm and Flux keep an object whose manifest is gone.
const KEPT: [(&str, &str); 3] = [
    (
        "argocd.argoproj.io/sync-options",
        "Prune=false,Delete=false",
    ),
    ("helm.sh/resource-policy", "keep"),
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
];

/// The kinds of an install's objects, all of them namespaced.
const KINDS: [&str; 12] = [
    "ConfigMap",
    "DaemonSet",
    "Deployment",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "PodMonitor",
    "PrometheusRule",
    "Role",
    "RoleBinding",
    "Secret",
    "Service",
    "ServiceAccount",
];

/// The one overlay with a right in the whole cluster, and what gives it that.
const OVERLAY_WITH_CLUSTER_ROLE: &str = "overlays/token-review";
const CLUSTER_KINDS: [&str; 2] = ["ClusterRole", "ClusterRoleBinding"];

#[test]
#[ignore = "needs kubectl: tests/components get kubernetes"]
fn no_install_contains_the_definition_or_namespace_of_entries() {
    for manifest in [
        "base",
        "overlays/access-policies",
        "overlays/daemonset",
        "overlays/etcd",
        "overlays/monitoring",
        OVERLAY_WITH_CLUSTER_ROLE,
    ] {
        for object in render(&manifests().join(manifest)) {
            let kind = object["kind"].as_str().unwrap();
            let is_wide = manifest == OVERLAY_WITH_CLUSTER_ROLE && CLUSTER_KINDS.contains(&kind);
            assert!(is_wide || KINDS.contains(&kind), "{manifest}: {kind}");
        }
    }
}

#[test]
#[ignore = "needs kubectl: tests/components get kubernetes"]
fn pruning_tools_keep_the_definitions_and_the_namespace() {
    for (directory, kind) in [
        (crds(), "CustomResourceDefinition"),
        (manifests().join("namespace"), "Namespace"),
        (
            manifests().join("overlays/daemonset/namespace"),
            "Namespace",
        ),
    ] {
        let objects = render(&directory);
        let kept: Vec<_> = objects
            .iter()
            .filter(|object| object["kind"] == kind)
            .collect();
        assert!(!kept.is_empty(), "{kind}");
        for object in kept {
            let annotations = &object["metadata"]["annotations"];
            for (name, value) in KEPT {
                assert_eq!(annotations[name], *value, "{kind}: {name}");
            }
        }
    }
}

/// A gateway of an install.
fn start(overlay: &Overlay) -> Running {
    let account = Account::of(&overlay.namespace);
    let objects = overlay.objects();
    let gateway = account.start(only(&objects, "Deployment"), &[]);
    until_ready(&gateway);
    gateway
}

/// The keys of clients that an install's namespace holds.
fn keys(overlay: &Overlay) -> Vec<String> {
    let list = ["-n", &overlay.namespace, "get", "kv", "-o", "json"];
    let list: Value = serde_json::from_str(&kubectl(&list, &[]).unwrap()).unwrap();
    let items = list["items"].as_array().unwrap().iter();
    let of_clients = items.filter(|item| item["spec"]["realm"] != "system");
    of_clients
        .map(|item| item["spec"]["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn deleting_one_install_leaves_its_entries_and_the_other_install() {
    let (one, other) = (Overlay::installed("base"), Overlay::installed("base"));
    let (gateway, beside) = (start(&one), start(&other));
    put(&gateway, "k", "of the one");
    put(&beside, "k", "of the other");
    assert_eq!(gateway.stop().code, 0, "its pods end with it");
    let deleted = one.delete();
    // Each line begins with the kind of its object.
    for kept in ["customresourcedefinition", "namespace"] {
        let is_kind = |line: &str| line.starts_with(kept);
        assert!(!deleted.lines().any(is_kind), "{deleted}");
    }
    assert_eq!(
        (keys(&one), keys(&other)),
        (vec!["k".to_owned()], vec!["k".to_owned()])
    );
    put(&beside, "after", "x");
    assert_eq!(get(&beside, "k").as_deref(), Some("of the other"));
    // Installed again, it serves the entries that were kept.
    one.prepare();
    one.apply(&[]);
    let gateway = start(&one);
    assert_eq!(get(&gateway, "k").as_deref(), Some("of the one"));
    assert_eq!(gateway.stop().code, 0);
    // Without its entries, as docs/running.md says.
    one.delete();
    kubectl(&["-n", &one.namespace, "delete", "kv", "--all"], &[]).unwrap();
    assert!(keys(&one).is_empty());
    assert_eq!(get(&beside, "k").as_deref(), Some("of the other"));
    put(&beside, "still", "y");
    assert_eq!(keys(&other).len(), 3);
    assert_eq!(beside.stop().code, 0);
}
