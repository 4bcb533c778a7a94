//! Privileges of the manifests' `ServiceAccount`: what its Role allows, what depends on each verb, and what it forbids.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::gateway::{get, metric, put, refused, state, status, until, until_ready};
use crate::pod::Account;
use crate::rendered::{Overlay, only};
use support::kubernetes::{kubectl, namespace};
use support::requests::ask;
use support::running::Running;

/// All that the Role allows.
const VERBS: [&str; 6] = ["get", "list", "watch", "create", "update", "delete"];

/// The base in a namespace of its own, and its account there.
#[derive(Debug)]
struct Applied {
    overlay: Overlay,
    account: Account,
    deployment: Value,
}

impl Applied {
    fn new() -> Self {
        let overlay = Overlay::installed("base");
        let account = Account::of(&overlay.namespace);
        let deployment = only(&overlay.objects(), "Deployment").clone();
        Self {
            overlay,
            account,
            deployment,
        }
    }

    fn start(&self, name: &str) -> Running {
        let name = [("KUBEKV_NODE_NAME", name)];
        self.account.start(&self.deployment, &name)
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        let namespace = ["-n", &self.overlay.namespace];
        kubectl(&[&namespace, arguments].concat(), &[]).unwrap()
    }

    /// Sets what the Role allows, and waits until that holds.
    fn allow(&self, verbs: &[&str]) {
        let patch = json!([{"op": "replace", "path": "/rules/0/verbs", "value": verbs}]);
        let patch = patch.to_string();
        self.kubectl(&["patch", "role", "kubekv", "--type=json", "-p", &patch]);
        for verb in VERBS {
            until("the Role holds", || self.may(verb) == verbs.contains(&verb));
        }
    }

    fn may(&self, verb: &str) -> bool {
        let can = [
            "auth",
            "can-i",
            verb,
            "entries.kubekv.io",
            "-n",
            &self.overlay.namespace,
        ];
        self.account.kubectl(&can).is_ok()
    }

    /// Takes one verb away.
    fn without(verb: &str) -> Self {
        let applied = Self::new();
        let rest: Vec<_> = VERBS.into_iter().filter(|other| *other != verb).collect();
        applied.allow(&rest);
        applied
    }

    /// Waits until a log line names the missing verb.
    fn await_log_of_missing(&self, verb: &str) {
        let words = format!("cannot {verb} resource");
        until("the missing verb is logged", || {
            self.account.log().lines().any(|line| line.contains(&words))
        });
    }
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn role_allows_everything_a_gateway_does() {
    let applied = Applied::new();
    let role = only(&applied.overlay.objects(), "Role").clone();
    let rule = json!([{"apiGroups": ["kubekv.io"], "resources": ["entries"], "verbs": VERBS}]);
    assert_eq!(role["rules"], rule);
    let first = applied.start("first");
    until_ready(&first);
    let second = applied.start("second");
    until("it relays", || state(&second) == "relaying");
    put(&second, "k", "v");
    put(&second, "k", "w");
    put(&first, "gone", "v");
    assert_eq!(first.run(&["delete", "gone"]).code, 0);
    assert_eq!(get(&second, "gone"), None);
    let session = ask(second.consul, "PUT /v1/session/create");
    assert!(session.starts_with("HTTP/1.1 200"), "{session}");
    // etcd's clients get the address of the Service, which outlives a pod.
    let members = ask(second.etcd, "GET /v2/members");
    assert!(members.contains("\"http://10.96.0.7:2379\""), "{members}");
    until("the tombstone is gone", || {
        !applied
            .kubectl(&["get", "kv", "-o", "name"])
            .contains("/gone-")
    });
    assert_eq!(first.stop().code, 0);
    until_ready(&second);
    assert_eq!(get(&second, "k").as_deref(), Some("w"));
    assert_eq!(second.stop().code, 0);
    let log = applied.account.log();
    assert!(!log.contains("forbidden"), "{log}");
}

/// Without a verb no gateway serves, a log line says why, and the gateway resumes by itself when the verb is back.
fn not_served_without(verb: &str) {
    let applied = Arc::new(Applied::without(verb));
    let starting = std::thread::spawn({
        let applied = Arc::clone(&applied);
        move || applied.start("only")
    });
    applied.await_log_of_missing(verb);
    applied.allow(&VERBS);
    let gateway = starting.join().unwrap();
    until_ready(&gateway);
    put(&gateway, "k", "v");
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn without_list_nothing_is_served() {
    not_served_without("list");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn without_watch_nothing_is_served() {
    not_served_without("watch");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn without_create_nothing_is_served() {
    not_served_without("create");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn without_update_leadership_is_lost() {
    let applied = Applied::without("update");
    let gateway = applied.start("only");
    applied.await_log_of_missing("update");
    until("it is not ready any more", || state(&gateway) != "ok");
    applied.allow(&VERBS);
    until_ready(&gateway);
    put(&gateway, "k", "v");
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn without_delete_objects_of_deleted_entries_remain() {
    let applied = Applied::without("delete");
    let gateway = applied.start("only");
    until_ready(&gateway);
    put(&gateway, "k", "v");
    assert_eq!(gateway.run(&["delete", "k"]).code, 0);
    assert_eq!(get(&gateway, "k"), None);
    assert_eq!(gateway.stop().code, 0);
    // The object is marked as deleted, and the gateway's member record remains.
    let objects = || applied.kubectl(&["get", "kv", "-o", "wide"]);
    let left = objects();
    let row = |name: &str| left.lines().find(|line| line.starts_with(name));
    assert!(row("k-").is_some_and(|row| row.contains("true")), "{left}");
    assert!(row("kubekv.replica.").is_some(), "{left}");
    applied.allow(&VERBS);
    let next = applied.start("next");
    until_ready(&next);
    until("it is removed", || !objects().contains("\nk-"));
    assert_eq!(next.stop().code, 0);
    until("no member is recorded", || {
        !objects().contains("kubekv.replica.")
    });
}

/// The answer of a gateway that has just started to an etcd client that watches from a past index.
fn watch_from_a_past_index(verbs: &[&str]) -> String {
    let applied = Applied::new();
    applied.allow(verbs);
    let first = applied.start("first");
    until_ready(&first);
    put(&first, "k", "v");
    let index = status(&first)["revision"].as_u64().unwrap();
    assert_eq!(first.run(&["delete", "k"]).code, 0);
    assert_eq!(first.stop().code, 0);
    let second = applied.start("second");
    until_ready(&second);
    let request = format!("GET /v2/keys/k?wait=true&waitIndex={}", index + 1);
    let answer = ask(second.etcd, &request);
    assert_eq!(second.stop().code, 0);
    answer
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn without_get_history_is_lost_with_the_gateway() {
    let answer = watch_from_a_past_index(&VERBS);
    assert!(answer.contains("\"action\":\"delete\""), "{answer}");
    let rest: Vec<_> = VERBS.into_iter().filter(|verb| *verb != "get").collect();
    let answer = watch_from_a_past_index(&rest);
    assert!(answer.contains("\"errorCode\":401"), "{answer}");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn role_allows_nothing_else() {
    let applied = Applied::new();
    let own = applied.overlay.namespace.as_str();
    let other = namespace();
    let who = format!("--as=system:serviceaccount:{own}:kubekv");
    let can = |verb: &str, what: &str, place: &[&str]| {
        let can = ["auth", "can-i", verb, what, &who];
        kubectl(&[&can, place].concat(), &[]).is_ok()
    };
    for verb in VERBS {
        assert!(can(verb, "entries.kubekv.io", &["-n", own]), "{verb}");
        for what in ["secrets", "configmaps", "pods", "serviceaccounts"] {
            assert!(!can(verb, what, &["-n", own]), "{verb} {what}");
        }
        assert!(!can(verb, "entries.kubekv.io", &["-n", &other]), "{verb}");
        assert!(!can(verb, "entries.kubekv.io", &["-A"]), "{verb}");
        assert!(!can(verb, "customresourcedefinitions", &[]), "{verb}");
    }
    for verb in ["patch", "deletecollection"] {
        assert!(!can(verb, "entries.kubekv.io", &["-n", own]), "{verb}");
    }
    // The same requests, with its token.
    applied.account.kubectl(&["-n", own, "get", "kv"]).unwrap();
    let requests: [&[&str]; 5] = [
        &["-n", own, "get", "secrets"],
        &["-n", own, "create", "secret", "generic", "mine"],
        &["-n", &other, "get", "kv"],
        &["get", "kv", "-A"],
        &["get", "namespaces"],
    ];
    for request in requests {
        let refused = applied.account.kubectl(request).unwrap_err();
        let said = refused.to_lowercase();
        assert!(said.contains("forbidden"), "{request:?}: {refused}");
    }
}

/// A token that ends with a secret of this name.
fn token(applied: &Applied, secret: &str) -> String {
    applied.kubectl(&["create", "secret", "generic", secret]);
    let name = format!("--bound-object-name={secret}");
    applied
        .account
        .token(&["--bound-object-kind=Secret", &name])
}

/// Asks the API server to review a token.
fn is_accepted(token: &str) -> bool {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token}});
    let ask = [
        "create",
        "-f",
        "-",
        "-o",
        "jsonpath={.status.authenticated}",
    ];
    kubectl(&ask, review.to_string().as_bytes()).unwrap() == "true"
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn leadership_survives_token_renewal_in_time_and_ends_without_it() {
    let applied = Applied::new();
    let end = |secret: &str| applied.kubectl(&["delete", "secret", secret]);
    let first = token(&applied, "first");
    applied.account.set_token(&first);
    let gateway = applied.start("only");
    until_ready(&gateway);
    put(&gateway, "k", "before");
    let term = metric(&gateway, "kubekv_store_term");
    let second = token(&applied, "second");
    applied.account.set_token(&second);
    end("first");
    until("the token is rejected", || !is_accepted(&first));
    put(&gateway, "k", "in time");
    assert_eq!(metric(&gateway, "kubekv_store_term"), term);
    assert_eq!(refused(&gateway, "unauthorized"), 0);
    end("second");
    until("leadership ends", || state(&gateway) != "ok");
    assert!(refused(&gateway, "unauthorized") >= 1);
    applied.account.set_token(&token(&applied, "third"));
    until_ready(&gateway);
    put(&gateway, "k", "after");
    assert_eq!(get(&gateway, "k").as_deref(), Some("after"));
    assert_eq!(gateway.stop().code, 0);
    let log = applied.account.log();
    assert!(log.contains("not valid: renew it"), "{log}");
    for token in [first, second] {
        assert!(!log.contains(&token), "it is a secret");
    }
}
