//! Writes refused by the cluster: clients get an error, one log line reports it, a metric counts it, and writes resume by
//! themselves.

use crate::gateway::{
    get, metric, put, refusals_logged, refused, start, start_by, state, until, until_ready,
};
use support::command::kubekv;
use support::kubernetes::{kubectl, namespace};
use support::requests::ask_body;
use support::running::Running;

fn consul_put(gateway: &Running, key: &str) -> String {
    let request = format!("PUT /v1/kv/{key}");
    ask_body(gateway.consul, &request, "text/plain", "v")
}

fn etcd_put(gateway: &Running, key: &str) -> String {
    let request = format!("PUT /v2/keys/{key}");
    let form = "application/x-www-form-urlencoded";
    ask_body(gateway.etcd, &request, form, "value=v")
}

fn apply(object: &serde_json::Value) {
    kubectl(&["apply", "-f", "-"], object.to_string().as_bytes()).unwrap();
}

/// Stops a gateway, which must end well and have logged refusals once; its log.
fn stop_with_one_refusal_logged(gateway: Running) -> String {
    let done = gateway.stop();
    assert_eq!(
        (done.code, refusals_logged(&done.err)),
        (0, 1),
        "{}",
        done.err
    );
    done.err
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn quota_refuses_only_new_entries() {
    let namespace = namespace();
    let gateway = start(&namespace, "only");
    until_ready(&gateway);
    put(&gateway, "there", "v");
    let hard = serde_json::json!({"count/entries.kubekv.io": "0"});
    apply(&serde_json::json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": namespace}, "spec": {"hard": hard},
    }));
    // As a controller would.
    let status = serde_json::json!({"status": {"hard": hard, "used": hard}}).to_string();
    let of = ["-n", &namespace, "patch", "resourcequota", "none"];
    let how = ["--subresource=status", "--type=merge", "-p", &status];
    kubectl(&[&of[..], &how[..]].concat(), &[]).unwrap();
    let mut answer = String::new();
    let mut keys = 0;
    until("refused", || {
        keys += 1;
        answer = consul_put(&gateway, &format!("new/{keys}"));
        !answer.starts_with("HTTP/1.1 200")
    });
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("no space left: 403 Forbidden"), "{answer}");
    let answer = etcd_put(&gateway, "new/etcd");
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("\"errorCode\":300"), "{answer}");
    assert!(answer.contains("exceeded quota"), "{answer}");
    assert_eq!(get(&gateway, "new/etcd"), None);
    put(&gateway, "there", "w");
    assert_eq!(get(&gateway, "there").as_deref(), Some("w"));
    assert!(refused(&gateway, "quota") >= 2);
    kubectl(&["-n", &namespace, "delete", "resourcequota", "none"], &[]).unwrap();
    until("a write is accepted", || {
        consul_put(&gateway, "new").starts_with("HTTP/1.1 200")
    });
    assert_eq!(metric(&gateway, "kubekv_store_is_leader"), 1);
    let log = stop_with_one_refusal_logged(gateway);
    let over = "the cluster accepts such writes again";
    assert_eq!(log.matches(over).count(), 1, "{log}");
}

/// Allows only writes that satisfy a rule in a namespace.
fn forbid(namespace: &str, rule: &str) {
    let policy = serde_json::json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [{"apiGroups": ["kubekv.io"], "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"], "resources": ["entries"]}]},
            "validations": [{"expression": rule, "message": "not that one"}]},
    });
    let binding = serde_json::json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace, "validationActions": ["Deny"]},
    });
    apply(&policy);
    apply(&binding);
}

fn allow(namespace: &str) {
    for kind in ["binding", ""] {
        let kind = format!("validatingadmissionpolicy{kind}");
        kubectl(&["delete", &kind, namespace], &[]).unwrap();
    }
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn policy_refuses_only_matching_writes() {
    let namespace = namespace();
    let gateway = start(&namespace, "only");
    until_ready(&gateway);
    forbid(&namespace, "object.spec.key != 'no'");
    let mut answer = String::new();
    until("refused", || {
        let _deleted = gateway.run(&["delete", "no"]);
        answer = consul_put(&gateway, "no");
        !answer.starts_with("HTTP/1.1 200")
    });
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("not that one"), "{answer}");
    let answer = etcd_put(&gateway, "no");
    assert!(answer.contains("\"errorCode\":300"), "{answer}");
    put(&gateway, "yes", "v");
    assert!(refused(&gateway, "admission") >= 2);
    allow(&namespace);
    until("a write is accepted", || {
        consul_put(&gateway, "no").starts_with("HTTP/1.1 200")
    });
    stop_with_one_refusal_logged(gateway);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn policy_against_the_leader_record_ends_leadership_until_lifted() {
    let namespace = namespace();
    let gateway = start(&namespace, "only");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    forbid(&namespace, "object.spec.key != 'lead'");
    until("leadership ends", || state(&gateway) != "ok");
    assert!(refused(&gateway, "admission") >= 1);
    allow(&namespace);
    until_ready(&gateway);
    put(&gateway, "k", "w");
    stop_with_one_refusal_logged(gateway);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn terminating_namespace_refuses_new_entries_until_recreated() {
    let namespace = namespace();
    let gateway = start(&namespace, "only");
    until_ready(&gateway);
    put(&gateway, "there", "v");
    // No controller finishes the deletion here: the namespace stays in it.
    kubectl(&["delete", "namespace", &namespace, "--wait=false"], &[]).unwrap();
    let mut answer = String::new();
    let mut keys = 0;
    until("refused", || {
        keys += 1;
        answer = consul_put(&gateway, &format!("new/{keys}"));
        !answer.starts_with("HTTP/1.1 200")
    });
    assert!(
        answer.contains("No cluster leader: store unavailable: 403"),
        "{answer}"
    );
    assert!(etcd_put(&gateway, "other").contains("\"errorCode\":300"));
    put(&gateway, "there", "w");
    assert_eq!(get(&gateway, "there").as_deref(), Some("w"));
    assert!(refused(&gateway, "terminating") >= 2);
    let ended = serde_json::json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": namespace}, "spec": {"finalizers": []}});
    let path = format!("/api/v1/namespaces/{namespace}/finalize");
    let replace = ["replace", "--raw", &path, "-f", "-"];
    kubectl(&replace, ended.to_string().as_bytes()).unwrap();
    kubectl(&["create", "namespace", &namespace], &[]).unwrap();
    until("a write is accepted", || {
        consul_put(&gateway, "new").starts_with("HTTP/1.1 200")
    });
    stop_with_one_refusal_logged(gateway);
}

/// A kubeconfig of a service account, which may do what a gateway needs.
fn account(namespace: &str, directory: &std::path::Path) -> String {
    kubectl(
        &["-n", namespace, "create", "serviceaccount", "gateway"],
        &[],
    )
    .unwrap();
    let verbs = "--verb=get,list,watch,create,update,delete";
    let role = ["-n", namespace, "create", "role", "gateway", verbs];
    kubectl(
        &[&role[..], &["--resource=entries.kubekv.io"]].concat(),
        &[],
    )
    .unwrap();
    bind(namespace);
    let token = kubectl(&["-n", namespace, "create", "token", "gateway"], &[]).unwrap();
    let view = [
        "config",
        "view",
        "--raw",
        "--minify",
        "--flatten",
        "-o",
        "json",
    ];
    let view = kubectl(&view, &[]).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&view).unwrap();
    let user = serde_json::json!({"token": token.trim()});
    *config.pointer_mut("/users/0/user").unwrap() = user;
    let path = directory.join("kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    path.display().to_string()
}

fn bind(namespace: &str) {
    let account = format!("--serviceaccount={namespace}:gateway");
    let bind = [
        "-n",
        namespace,
        "create",
        "rolebinding",
        "gateway",
        "--role=gateway",
        &account,
    ];
    kubectl(&bind, &[]).unwrap();
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn revoked_rights_end_leadership_until_granted_again() {
    let namespace = namespace();
    let directory = tempfile::tempdir().unwrap();
    let mut command = kubekv();
    command.env("KUBECONFIG", account(&namespace, directory.path()));
    let gateway = start_by(command, &namespace, "only");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    kubectl(&["-n", &namespace, "delete", "rolebinding", "gateway"], &[]).unwrap();
    until("leadership ends", || state(&gateway) != "ok");
    assert_eq!(metric(&gateway, "kubekv_store_is_leader"), 0);
    until("tried again", || refused(&gateway, "forbidden") >= 4);
    bind(&namespace);
    until_ready(&gateway);
    put(&gateway, "k", "w");
    assert_eq!(get(&gateway, "k").as_deref(), Some("w"));
    assert_eq!(metric(&gateway, "kubekv_store_is_leader"), 1);
    let log = stop_with_one_refusal_logged(gateway);
    assert!(
        log.contains("grant the gateway get, list, watch"),
        "{}",
        log
    );
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn entry_can_be_found_and_created_with_kubectl() {
    let namespace = namespace();
    let gateway = start(&namespace, "only");
    until_ready(&gateway);
    put(&gateway, "some/where/key", "v");
    let name = |arguments: &[&str]| {
        let done = support::command::run(&[&["name"], arguments].concat());
        assert_eq!(done.code, 0, "{done:?}");
        done.text().trim().to_owned()
    };
    let get_kv = ["-n", &namespace, "get", "kv", "-o"];
    let value = ["jsonpath={.spec.value}", &name(&["some/where/key"])];
    assert_eq!(kubectl(&[&get_kv[..], &value].concat(), &[]).unwrap(), "v");
    let beneath = name(&["--directory", "some/where"]);
    let keys = ["jsonpath={.items[*].spec.key}", "-l", &beneath];
    let found = kubectl(&[&get_kv[..], &keys].concat(), &[]).unwrap();
    assert_eq!(found, "some/where/key");
    let by_hand = serde_json::json!({
        "apiVersion": "kubekv.io/v1", "kind": "Entry",
        "metadata": {"name": name(&["by/hand"]), "namespace": namespace},
        "spec": {"key": "by/hand", "value": "text", "size": 4},
    });
    kubectl(&["create", "-f", "-"], by_hand.to_string().as_bytes()).unwrap();
    until("it is delivered", || {
        get(&gateway, "by/hand").as_deref() == Some("text")
    });
    assert!(metric(&gateway, "kubekv_store_external_writes_total") >= 1);
    assert_eq!(gateway.stop().code, 0);
}
