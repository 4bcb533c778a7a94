//! The admission policy: in a namespace that names the gateways' account, others edit clients' entries and nothing else.

use serde_json::{Value, json};

use crate::gateway::{get, metric, put, refused, state, until, until_ready};
use crate::pod::Account;
use crate::rendered::{Overlay, manifests, only};
use support::kubernetes::kubectl;
use support::requests::ask;
use support::running::Running;

/// A namespace with the base, and somebody who has every verb on its entries.
#[derive(Debug)]
struct Namespace {
    overlay: Overlay,
    account: Account,
}

impl Namespace {
    fn new() -> Self {
        let overlay = Overlay::installed("base");
        let account = Account::of(&overlay.namespace);
        let namespace = Self { overlay, account };
        let all = "--verb=get,list,watch,create,update,patch,delete,deletecollection";
        let role = [
            "create",
            "role",
            "editor",
            all,
            "--resource=entries.kubekv.io",
        ];
        namespace.as_administrator(&role);
        let binding = [
            "create",
            "rolebinding",
            "editor",
            "--role=editor",
            "--user=editor",
        ];
        namespace.as_administrator(&binding);
        namespace
    }

    fn name(&self) -> &str {
        &self.overlay.namespace
    }

    fn as_administrator(&self, arguments: &[&str]) -> String {
        kubectl(&[&["-n", self.name()], arguments].concat(), &[]).unwrap()
    }

    fn as_editor(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let who = ["-n", self.name(), "--as=editor"];
        kubectl(&[&who, arguments].concat(), input.as_bytes())
    }

    fn patch(&self, object: &str, patch: &Value) -> Result<String, String> {
        let patch = patch.to_string();
        self.as_editor(&["patch", "kv", object, "--type=merge", "-p", &patch], "")
    }

    fn create(&self, key: &str, spec: &Value) -> Result<String, String> {
        self.create_with(key, spec, &[])
    }

    fn create_with(&self, key: &str, spec: &Value, more: &[&str]) -> Result<String, String> {
        let name = named(key, spec["realm"] == "system");
        let object = json!({"apiVersion": "kubekv.io/v1", "kind": "Entry",
            "metadata": {"name": name}, "spec": spec});
        let create = [&["create", "-f", "-"], more].concat();
        self.as_editor(&create, &object.to_string())
    }

    /// The names of the objects of records of a kind.
    fn records(&self, kind: &str) -> Vec<String> {
        let label = format!("kubekv.io/record={kind}");
        let path = "jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}";
        let names = self.as_administrator(&["get", "kv", "-l", &label, "-o", path]);
        names.lines().map(str::to_owned).collect()
    }

    fn stamp(&self, object: &str) -> Value {
        let stamp = self.as_administrator(&["get", "kv", object, "-o", "jsonpath={.spec.stamp}"]);
        serde_json::from_str(&stamp).unwrap()
    }

    /// A write id that the object's next change has, if it is an edit that brings it.
    fn forged(&self, object: &str) -> Value {
        let mut stamp = self.stamp(object);
        let generation = stamp["generation"].as_i64().unwrap();
        stamp["term"] = json!(1_000_000);
        stamp["generation"] = json!(generation + 1);
        json!({"spec": {"stamp": stamp}})
    }

    fn protect(&self) {
        let policy = manifests().join("policy");
        kubectl(&["apply", "-k", policy.to_str().unwrap()], &[]).unwrap();
        let label = [
            "label",
            "namespace",
            self.name(),
            "kubekv.io/gateway-account=kubekv",
        ];
        kubectl(&label, &[]).unwrap();
        let probe = json!({"key": "probe", "realm": "system", "size": 0});
        until("the policy is in force", || {
            self.create_with("probe", &probe, &["--dry-run=server"])
                .is_err()
        });
    }
}

/// The name of the object of a key; any valid one of a record of the gateway's own.
fn named(key: &str, is_own: bool) -> String {
    if is_own {
        return format!("kubekv.{key}-{}", "0".repeat(32));
    }
    let name = support::command::run(&["name", key]);
    name.text().trim().to_owned()
}

const OWN_RECORD: &str =
    "a record of the gateways' own (realm system) is written by their account only";

const WRITE_ID: &str = "the write id (stamp) is set by the gateways' account only";

fn assert_refused(answer: Result<String, String>, words: &str) {
    let refusal = answer.unwrap_err();
    assert!(refusal.contains(words), "{refusal}");
    assert!(refusal.contains("entries.kubekv.io"), "{refusal}");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn others_edit_entries_but_neither_write_ids_nor_the_gateways_own_records() {
    let namespace = Namespace::new();
    let deployment = only(&namespace.overlay.objects(), "Deployment").clone();
    let start = |name: &str| {
        let name = [("KUBEKV_NODE_NAME", name)];
        namespace.account.start(&deployment, &name)
    };
    let first = start("first");
    until_ready(&first);
    put(&first, "k", "v");
    let k = named("k", false);
    // Without the policy all of it is accepted.
    let [leader] = &namespace.records("lead")[..] else {
        panic!("one leader record");
    };
    namespace.patch(&k, &namespace.forged(&k)).unwrap();
    namespace
        .patch(leader, &json!({"metadata": {"labels": {"a": "b"}}}))
        .unwrap();

    namespace.protect();
    let session = ask(first.consul, "PUT /v1/session/create");
    assert!(session.starts_with("HTTP/1.1 200"), "{session}");
    put(&first, "k", "w");
    assert_refused(namespace.patch(&k, &namespace.forged(&k)), WRITE_ID);
    let made = json!({"key": "made", "value": "v", "size": 1,
        "stamp": {"term": 1, "sequence": 1, "generation": 1}});
    assert_refused(namespace.create("made", &made), WRITE_ID);
    let [lease] = &namespace.records("lease")[..] else {
        panic!("one session");
    };
    for own in [leader, lease] {
        let label = json!({"metadata": {"labels": {"a": "c"}}});
        assert_refused(namespace.patch(own, &label), OWN_RECORD);
        // The definition refuses it without a new write id.
        let mut value = namespace.forged(own);
        value["spec"]["value"] = json!("{}");
        assert_refused(namespace.patch(own, &value), OWN_RECORD);
        assert_refused(namespace.as_editor(&["delete", "kv", own], ""), OWN_RECORD);
    }
    assert_refused(
        namespace.as_editor(&["delete", "kv", "--all"], ""),
        OWN_RECORD,
    );
    let lease = json!({"key": "lease/1", "realm": "system", "value": "{}", "size": 2});
    assert_refused(namespace.create("lease.1", &lease), OWN_RECORD);

    entries_are_free_to_edit(&namespace, &first);
    the_next_gateway_does_what_it_does(&namespace, first, start("second"));

    // The namespace's controller can still empty it.
    let controller = "--as=system:serviceaccount:kube-system:namespace-controller";
    let group = "--as-group=system:serviceaccounts:kube-system";
    let emptied = [controller, group, "delete", "kv", "--all", "--wait=false"];
    namespace.as_administrator(&emptied);
    assert!(namespace.records("lead").is_empty());
}

/// Clients' entries can be edited as ever.
fn entries_are_free_to_edit(namespace: &Namespace, first: &Running) {
    let k = named("k", false);
    put(first, "k", "again");
    namespace
        .patch(&k, &json!({"spec": {"value": "edited"}}))
        .unwrap();
    until("the edit is shown", || {
        get(first, "k").as_deref() == Some("edited")
    });
    namespace
        .patch(&k, &json!({"spec": {"stamp": null}}))
        .unwrap();
    namespace
        .create(
            "by/hand",
            &json!({"key": "by/hand", "value": "v", "size": 1}),
        )
        .unwrap();
    until("the new entry is shown", || get(first, "by/hand").is_some());
    namespace
        .as_editor(&["delete", "kv", &named("by/hand", false)], "")
        .unwrap();
    until("the deletion is shown", || get(first, "by/hand").is_none());
}

/// A gateway does under the policy whatever it does.
fn the_next_gateway_does_what_it_does(namespace: &Namespace, first: Running, second: Running) {
    until("it relays", || state(&second) == "relaying");
    let term = metric(&first, "kubekv_store_term");
    assert_eq!(first.stop().code, 0);
    until_ready(&second);
    assert_eq!(metric(&second, "kubekv_store_term"), term + 1);
    let transaction = ask(second.etcd, "POST /v2/keys/queue?value=1");
    assert!(transaction.starts_with("HTTP/1.1 201"), "{transaction}");
    assert_eq!(second.run(&["delete", "k"]).code, 0);
    until("the tombstone is gone", || {
        !namespace
            .as_administrator(&["get", "kv", "-o", "name"])
            .contains("/k-")
    });
    assert_eq!(refused(&second, "admission"), 0);
    assert_eq!(second.stop().code, 0);
    until("no member is recorded", || {
        namespace.records("replica").is_empty()
    });
    let log = namespace.account.log();
    assert!(!log.contains("gateways' account only"), "{log}");
}
