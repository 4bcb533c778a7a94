//! Policies as objects by the manifests: what the gateways' account and an editor may do, and who writes a status.

use serde_json::{Value, json};

use crate::access_policies::{Policies, bad, may_write, rule, until_may_write};
use crate::gateway::{state, until, until_ready};
use crate::pod::Account;
use crate::rendered::{Overlay, manifests, only};
use support::kubernetes::kubectl;
use support::running::Running;

const KIND: &str = "accesspolicies.kubekv.io";

/// The overlay in a namespace of its own, and the objects there.
#[derive(Debug)]
struct Applied {
    overlay: Overlay,
    account: Account,
    policies: Policies,
}

impl Applied {
    fn new() -> Self {
        let overlay = Overlay::installed("overlays/access-policies");
        let account = Account::of(&overlay.namespace);
        let policies = Policies::within(&overlay.namespace);
        Self {
            overlay,
            account,
            policies,
        }
    }

    fn start(&self, name: &str) -> Running {
        let objects = self.overlay.objects();
        let name = [("KUBEKV_NODE_NAME", name)];
        self.account.start(only(&objects, "Deployment"), &name)
    }

    fn can(&self, who: &str, verb: &str, what: &str) -> bool {
        let subresource = what
            .split_once('/')
            .map(|(_, name)| format!("--subresource={name}"));
        let what = what.split('/').next().unwrap();
        let mut can = vec!["auth", "can-i", verb, what, who];
        can.extend(subresource.as_deref());
        self.policies.kubectl(&can, "").is_ok()
    }

    /// Lets somebody do everything with policies and their status.
    fn bind_somebody(&self) {
        let policies = &self.policies;
        let all = format!("--resource={KIND},{KIND}/status");
        let role = ["create", "role", "everything", "--verb=*", &all];
        policies.kubectl(&role, "").unwrap();
        let bind = [
            "create",
            "rolebinding",
            "everything",
            "--role=everything",
            "--user=somebody",
        ];
        policies.kubectl(&bind, "").unwrap();
    }

    /// Changes an object, as somebody.
    fn patch(&self, who: &str, patch: &Value, more: &[&str]) -> Result<String, String> {
        let (who, patch) = (format!("--as={who}"), patch.to_string());
        let arguments = ["patch", "kvp", "grants", &who, "--type=merge", "-p", &patch];
        self.policies.kubectl(&[&arguments, more].concat(), "")
    }

    /// Applies the admission policies, and names the gateways' account.
    fn protect(&self) {
        let directory = manifests().join("policy");
        kubectl(&["apply", "-k", directory.to_str().unwrap()], &[]).unwrap();
        let namespace = self.overlay.namespace.as_str();
        let label = [
            "label",
            "namespace",
            namespace,
            "kubekv.io/gateway-account=kubekv",
        ];
        kubectl(&label, &[]).unwrap();
    }

    /// Lets somebody change the policy, by the manifests' role.
    fn bind_editor(&self) {
        let bind = [
            "create",
            "rolebinding",
            "editors",
            "--role=kubekv-policy-editor",
            "--user=editor",
        ];
        self.policies.kubectl(&bind, "").unwrap();
    }
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn overlay_lets_gateways_read_policies_and_write_their_status_alone() {
    let applied = Applied::new();
    let account = format!(
        "--as=system:serviceaccount:{}:kubekv",
        applied.overlay.namespace
    );
    let status = format!("{KIND}/status");
    for verb in ["get", "list", "watch"] {
        assert!(applied.can(&account, verb, KIND), "{verb}");
    }
    assert!(applied.can(&account, "update", &status));
    for verb in ["create", "update", "patch", "delete", "deletecollection"] {
        assert!(!applied.can(&account, verb, KIND), "{verb}");
    }
    for verb in ["get", "patch", "delete"] {
        assert!(!applied.can(&account, verb, &status), "{verb}");
    }
    applied.bind_editor();
    let editor = "--as=editor";
    for verb in [
        "get", "list", "watch", "create", "update", "patch", "delete",
    ] {
        assert!(applied.can(editor, verb, KIND), "{verb}");
    }
    assert!(!applied.can(editor, "update", &status));
    assert!(!applied.can(editor, "list", "entries.kubekv.io"));
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn overlay_has_a_policy_of_objects_through_leader_and_standby() {
    let applied = Applied::new();
    let first = applied.start("first");
    until_ready(&first);
    let second = applied.start("second");
    until("it relays", || state(&second) == "relaying");
    let both = [&first, &second];
    for gateway in both {
        assert!(
            !may_write(gateway, "a/b"),
            "without an object nothing is allowed"
        );
    }
    applied
        .policies
        .apply("grants", &rule("grant", "allow", "a"))
        .unwrap();
    until_may_write(&both, "a/b", true);
    applied
        .policies
        .until_accepted("grants", "True", "Accepted");
    applied.policies.apply("grants", &bad()).unwrap();
    applied
        .policies
        .until_accepted("grants", "False", "Invalid");
    for gateway in both {
        assert!(may_write(gateway, "a/b"));
    }
    // Who leads then has the last good version from when it followed.
    assert_eq!(first.stop().code, 0);
    until_ready(&second);
    assert!(may_write(&second, "a/b") && !may_write(&second, "b"));
    assert_eq!(second.stop().code, 0);
    let log = applied.account.log();
    assert!(!log.contains("forbidden"), "{log}");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn only_the_gateways_account_writes_a_status_where_the_namespace_names_it() {
    let applied = Applied::new();
    let policies = &applied.policies;
    let gateway = applied.start("only");
    until_ready(&gateway);
    policies
        .apply("grants", &rule("grant", "allow", "a"))
        .unwrap();
    policies.until_accepted("grants", "True", "Accepted");
    applied.bind_somebody();
    let patch = |patch: &Value, more: &[&str]| applied.patch("somebody", patch, more);
    let forged = json!({"status": {"rules": 7}});
    let status = "--subresource=status";
    // Without the admission policy who has the right may.
    patch(&forged, &[status, "--dry-run=server"]).unwrap();
    applied.protect();
    until("the admission policy is in force", || {
        patch(&forged, &[status, "--dry-run=server"]).is_err()
    });
    let refused = patch(&forged, &[status]).unwrap_err();
    let words = "the status of a policy is written by the gateways' account only";
    assert!(refused.contains(words), "{refused}");
    // An administrator neither; the policy itself is for people to write.
    assert!(
        applied
            .patch("admin", &forged, &[status, "--as-group=system:masters"])
            .is_err()
    );
    patch(&json!({"spec": bad()}), &[]).unwrap();
    policies.until_accepted("grants", "False", "Invalid");
    patch(&json!({"spec": rule("grant", "allow", "b")}), &[]).unwrap();
    policies.until_accepted("grants", "True", "Accepted");
    until_may_write(&[&gateway], "b/c", true);
    assert_eq!(policies.condition("grants")["message"], "it is in force");
    assert_eq!(gateway.stop().code, 0);
}
