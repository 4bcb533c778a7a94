//! Policies as objects of a cluster (`--policy kubernetes`): in force on every gateway, the last good version of a bad one, and
//! what a gateway does that cannot read them.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::gateway::{metric, state, until, until_ready};
use support::command::{done, kubekv};
use support::kubernetes::{kubectl, namespace};
use support::kubernetes_servers::{ETCD, Servers, apiserver};
use support::requests::ask;
use support::running::Running;

/// A namespace of a cluster, with the definition of policies.
#[derive(Debug)]
pub(crate) struct Policies {
    namespace: String,
    /// The file that names the cluster, if it is not the one of the environment.
    kubeconfig: Option<String>,
}

impl Policies {
    fn new() -> Self {
        Self::within(&namespace())
    }

    /// Those of a namespace that is there.
    pub(crate) fn within(namespace: &str) -> Self {
        let own = Self {
            namespace: namespace.to_owned(),
            kubeconfig: None,
        };
        own.define();
        own
    }

    /// The default namespace of a cluster of the test's own.
    fn of(servers: &Servers) -> Self {
        let own = Self {
            namespace: "default".to_owned(),
            kubeconfig: Some(servers.kubeconfig(1)),
        };
        own.define();
        own
    }

    fn define(&self) {
        let definition = kubekv::store::kubernetes::policy_definition().unwrap();
        let apply = || self.kubectl(&["apply", "-f", "-"], &definition);
        match apply() {
            // By another test, between kubectl's look and its request.
            Err(why) if why.contains("AlreadyExists") => apply().unwrap(),
            applied => applied.unwrap(),
        };
        let wait = [
            "wait",
            "--for=condition=established",
            "crd/accesspolicies.kubekv.io",
        ];
        self.kubectl(&wait, "").unwrap();
    }

    pub(crate) fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut all = vec!["-n", self.namespace.as_str()];
        if let Some(kubeconfig) = &self.kubeconfig {
            all.extend(["--kubeconfig", kubeconfig]);
        }
        kubectl(&[&all, arguments].concat(), input.as_bytes())
    }

    /// Applies an object.
    pub(crate) fn apply(&self, name: &str, spec: &Value) -> Result<String, String> {
        let object = json!({"apiVersion": "kubekv.io/v1alpha1", "kind": "AccessPolicy",
            "metadata": {"name": name}, "spec": spec});
        self.kubectl(&["apply", "-f", "-"], &object.to_string())
    }

    fn delete(&self, name: &str) {
        self.kubectl(&["delete", "kvp", name], "").unwrap();
    }

    /// An object's status; nothing where it has none.
    fn status(&self, name: &str) -> Value {
        let object = self
            .kubectl(&["get", "kvp", name, "-o", "json"], "")
            .unwrap();
        let mut object: Value = serde_json::from_str(&object).unwrap();
        object["status"].take()
    }

    pub(crate) fn condition(&self, name: &str) -> Value {
        self.status(name)["conditions"][0].take()
    }

    /// Waits until an object's condition is this, about its newest version.
    pub(crate) fn until_accepted(&self, name: &str, status: &str, reason: &str) {
        until("the condition", || {
            let object = self
                .kubectl(&["get", "kvp", name, "-o", "json"], "")
                .unwrap();
            let object: Value = serde_json::from_str(&object).unwrap();
            let condition = &object["status"]["conditions"][0];
            let is_about = condition["observedGeneration"] == object["metadata"]["generation"];
            is_about && condition["status"] == status && condition["reason"] == reason
        });
    }

    /// A command that runs a gateway by these objects.
    fn command(&self) -> Command {
        let mut command = kubekv();
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        command
    }

    /// A gateway that may not be ready for long: its admin port, and the gateway when it is.
    fn start_without_waiting(&self) -> (SocketAddr, JoinHandle<Running>) {
        let admin = TcpListener::bind("127.0.0.1:0").unwrap();
        let admin = admin.local_addr().unwrap();
        let policy = format!("kubernetes:{}", self.namespace);
        let mut command = self.command();
        command.args(["serve", "--store", "memory:", "--policy", &policy]);
        command.args(["--consul", "127.0.0.1:0", "--etcd", "127.0.0.1:0"]);
        command.args(["--admin", &admin.to_string()]);
        (admin, std::thread::spawn(move || Running::spawn(command)))
    }

    /// A gateway that has its keys in memory: it decides by itself.
    fn gateway(&self) -> Running {
        let policy = format!("kubernetes:{}", self.namespace);
        Running::start_by(self.command(), &["--store", "memory:", "--policy", &policy])
    }
}

/// A rule about everybody who reaches the port.
pub(crate) fn rule(name: &str, verb: &str, beneath: &str) -> Value {
    json!({"rules": [{"name": name, "identities": ["anonymous"], verb: ["read", "create", "write"],
        "beneath": [beneath]}]})
}

/// What the API server does not know to be bad.
pub(crate) fn bad() -> Value {
    rule("bad", "allow", "a//b")
}

pub(crate) fn may_write(gateway: &Running, key: &str) -> bool {
    let answer = ask(gateway.consul, &format!("PUT /v1/kv/{key}"));
    let refused = answer.starts_with("HTTP/1.1 403");
    assert!(refused || answer.starts_with("HTTP/1.1 200"), "{answer}");
    !refused
}

pub(crate) fn until_may_write(gateways: &[&Running], key: &str, may: bool) {
    until("it is in force on every gateway", || {
        gateways
            .iter()
            .all(|gateway| may_write(gateway, key) == may)
    });
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_change_of_any_object_is_in_force_on_every_gateway() {
    let policies = Policies::new();
    let (first, second) = (policies.gateway(), policies.gateway());
    let both = [&first, &second];
    for gateway in both {
        assert!(
            !may_write(gateway, "a/b"),
            "without an object nothing is allowed"
        );
    }
    policies
        .apply("grants", &rule("grant", "allow", "a"))
        .unwrap();
    until_may_write(&both, "a/b", true);
    policies
        .apply("denials", &rule("deny", "deny", "a/secret"))
        .unwrap();
    until_may_write(&both, "a/secret/x", false);
    policies
        .apply("grants", &rule("grant", "allow", "b"))
        .unwrap();
    until_may_write(&both, "a/b", false);
    until_may_write(&both, "b/c", true);
    assert_eq!(metric(&first, "kubekv_policy_rules"), 2);
    policies.delete("grants");
    until_may_write(&both, "b/c", false);
    policies.until_accepted("denials", "True", "Accepted");
    for gateway in [first, second] {
        assert_eq!(gateway.stop().code, 0);
    }
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_bad_object_keeps_its_last_good_version_and_says_what_is_wrong() {
    let policies = Policies::new();
    policies
        .apply("grants", &rule("grant", "allow", ""))
        .unwrap();
    policies
        .apply("denials", &rule("deny", "deny", "secret"))
        .unwrap();
    let (first, second) = (policies.gateway(), policies.gateway());
    let both = [&first, &second];
    until_may_write(&both, "secret/x", false);
    policies.until_accepted("denials", "True", "Accepted");
    let changed = policies.condition("denials")["lastTransitionTime"].clone();

    policies.apply("denials", &bad()).unwrap();
    policies.until_accepted("denials", "False", "Invalid");
    let status = policies.status("denials");
    let message = status["conditions"][0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("spec.rules[0].beneath[0]: "),
        "{message}"
    );
    assert_eq!(
        (&status["acceptedGeneration"], &status["rules"]),
        (&json!(1), &json!(1))
    );
    assert!(changed.as_str() <= status["conditions"][0]["lastTransitionTime"].as_str());
    let last_good = "kubekv_policy_objects{state=\"last_good\"}";
    until("both have seen it", || {
        both.iter().all(|gateway| metric(gateway, last_good) == 1)
    });
    for gateway in both {
        assert!(!may_write(gateway, "secret/x"), "its denial stays in force");
    }

    a_clash_of_names_is_one_of_the_later_named_object(&policies, &both);

    policies
        .apply("denials", &rule("deny", "deny", "other"))
        .unwrap();
    until_may_write(&both, "secret/x", true);
    policies.until_accepted("denials", "True", "Accepted");
    policies.apply("denials", &bad()).unwrap();
    policies.until_accepted("denials", "False", "Invalid");
    policies.delete("denials");
    until_may_write(&both, "other/x", true);
    for gateway in [first, second] {
        let stopped = gateway.stop();
        assert_eq!(stopped.code, 0);
        assert!(
            stopped
                .err
                .contains("its last good version, 1, stays in force"),
            "{}",
            stopped.err
        );
        assert!(
            stopped.err.contains("it allows and denies nothing"),
            "{}",
            stopped.err
        );
    }
}

/// While an object that comes first has a bad version.
fn a_clash_of_names_is_one_of_the_later_named_object(policies: &Policies, gateways: &[&Running]) {
    policies
        .apply("later", &rule("grant", "deny", "elsewhere"))
        .unwrap();
    policies.until_accepted("later", "False", "NameTaken");
    assert_eq!(
        policies.condition("later")["message"],
        "grants has a rule 'grant' already"
    );
    for gateway in gateways {
        assert!(may_write(gateway, "elsewhere/x"), "it never was in force");
    }
    let columns = policies
        .kubectl(&["get", "accesspolicies", "--no-headers"], "")
        .unwrap();
    let mut rows = columns
        .lines()
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    let mut row = || rows.next().unwrap();
    assert_eq!(row()[..3], ["denials", "False", "1"], "{columns}");
    assert_eq!(row()[..3], ["grants", "True", "1"], "{columns}");
    assert_eq!(row()[..3], ["later", "False", "0"], "{columns}");
}

/// How many writes of a status the API server has made, those that changed nothing included: they move no resourceVersion.
fn status_writes(policies: &Policies) -> u64 {
    let page = policies.kubectl(&["get", "--raw", "/metrics"], "").unwrap();
    let is_write = |line: &&str| {
        line.starts_with("apiserver_request_total{")
            && [
                "resource=\"accesspolicies\"",
                "subresource=\"status\"",
                "verb=\"PUT\"",
                "code=\"200\"",
            ]
            .iter()
            .all(|label| line.contains(label))
    };
    let counts = page.lines().filter(is_write);
    let counts = counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    counts.sum()
}

#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn gateways_write_a_status_once() {
    let servers = Servers::start(1);
    let policies = Policies::of(&servers);
    let gateways = [policies.gateway(), policies.gateway(), policies.gateway()];
    policies.apply("bad", &bad()).unwrap();
    policies.until_accepted("bad", "False", "Invalid");
    // Each has then seen that the status is written, and has had reason to look at it again.
    for round in 0..3 {
        policies
            .apply("good", &rule("r", "allow", &format!("round/{round}")))
            .unwrap();
        until_may_write(&gateways.each_ref(), &format!("round/{round}/x"), true);
        policies.until_accepted("good", "True", "Accepted");
    }
    for gateway in gateways {
        assert_eq!(gateway.stop().code, 0);
    }
    assert_eq!(status_writes(&policies), 4, "one of each version");
}

/// As a gateway of another release would say it.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn gateways_that_disagree_do_not_write_a_status_in_turn() {
    let policies = Policies::new();
    let gateways = [policies.gateway(), policies.gateway()];
    policies.apply("bad", &bad()).unwrap();
    policies.until_accepted("bad", "False", "Invalid");
    let other = json!({"type": "Accepted", "status": "False", "reason": "Invalid", "message": "in other words",
        "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let other =
        json!({"status": {"conditions": [other], "acceptedGeneration": 0, "rules": 0}}).to_string();
    // Each of them says it in its own words once at most; the first has done so.
    for round in 0..4 {
        let patch = [
            "patch",
            "kvp",
            "bad",
            "--subresource=status",
            "--type=merge",
            "-p",
            &other,
        ];
        policies.kubectl(&patch, "").unwrap();
        policies
            .apply("good", &rule("r", "allow", &format!("round/{round}")))
            .unwrap();
        until_may_write(&gateways.each_ref(), &format!("round/{round}/x"), true);
        // A gateway looks at all statuses before it writes one, in the order of names.
        policies.until_accepted("good", "True", "Accepted");
    }
    assert_eq!(policies.condition("bad")["message"], "in other words");
    for gateway in gateways {
        assert_eq!(gateway.stop().code, 0);
    }
}

/// What `kubekv policy` says of objects that a cluster has.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn policy_commands_read_the_objects_of_a_cluster() {
    let policies = Policies::new();
    let live = format!("kubernetes:{}", policies.namespace);
    let run = |words: &[&str]| {
        done(
            policies
                .command()
                .args(["policy"])
                .args(words)
                .output()
                .unwrap(),
        )
    };
    let empty = run(&["check", &live]);
    assert_eq!(empty.code, 0, "{empty:?}");
    let words = "warning: there is no AccessPolicy: every request of clients is refused";
    assert!(empty.text().contains(words), "{empty:?}");
    let explain = |words: &[&str]| run(&[&["explain", &live, "anonymous"], words].concat());
    assert_eq!(explain(&["read", "a"]).code, 1);

    policies
        .apply("grants", &rule("grant", "allow", ""))
        .unwrap();
    policies
        .apply("denials", &rule("deny", "deny", "secret"))
        .unwrap();
    let good = run(&["check", &live]);
    assert_eq!(good.code, 0, "{good:?}");
    let words = format!("{live}: can be used: objects 2, rules 2, warnings ");
    assert!(good.text().contains(&words), "{good:?}");
    let allowed = explain(&["write", "a"]);
    assert_eq!(allowed.code, 0, "{allowed:?}");
    assert!(allowed.text().contains("allowed by rule 'grant'"));
    let denied = explain(&["write", "secret/x"]);
    assert_eq!(denied.code, 1);
    assert!(denied.text().contains("refused: rule 'deny' denies it"));

    policies.apply("denials", &bad()).unwrap();
    for refused in [run(&["check", &live]), explain(&["read", "a"])] {
        assert_eq!(refused.code, 2, "{refused:?}");
        let words = format!("{live}: denials: spec.rules[0].beneath[0]: ");
        assert!(refused.err.contains(&words), "{refused:?}");
    }
    let wrong = run(&["check", "kubernetes:No_Name"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    let mut nowhere = policies.command();
    nowhere
        .env("KUBECONFIG", "/nowhere")
        .env("HOME", "/nowhere");
    let nowhere = done(nowhere.args(["policy", "check", &live]).output().unwrap());
    assert_eq!(nowhere.code, 8, "{nowhere:?}");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_gateway_that_starts_waits_for_what_a_bad_object_may_have_denied() {
    let policies = Policies::new();
    policies
        .apply("grants", &rule("grant", "allow", ""))
        .unwrap();
    policies
        .apply("denials", &rule("deny", "deny", "secret"))
        .unwrap();
    // An object that never was good is none to wait for.
    policies
        .apply("never", &rule("never", "deny", "a//b"))
        .unwrap();
    let first = policies.gateway();
    policies.until_accepted("denials", "True", "Accepted");
    policies.until_accepted("never", "False", "Invalid");
    policies.apply("denials", &bad()).unwrap();
    policies.until_accepted("denials", "False", "Invalid");
    assert_eq!(first.stop().code, 0);

    let (admin, starting) = policies.start_without_waiting();
    let answers = || TcpStream::connect(admin).is_ok();
    until("its admin port answers", answers);
    until("it is not ready", || {
        ask(admin, "GET /readyz").starts_with("HTTP/1.1 503")
    });
    let refused = "kubekv_policy_objects{state=\"ignored\"} 2";
    until("it has seen the objects", || {
        ask(admin, "GET /metrics").contains(refused)
    });
    assert!(ask(admin, "GET /livez").starts_with("HTTP/1.1 200"));
    assert!(ask(admin, "GET /readyz").starts_with("HTTP/1.1 503"));
    policies
        .apply("denials", &rule("deny", "deny", "secret"))
        .unwrap();
    let second = starting.join().unwrap();
    until_ready(&second);
    assert!(!may_write(&second, "secret/x") && may_write(&second, "x"));
    let stopped = second.stop();
    assert_eq!(stopped.code, 0);
    let line = stopped
        .err
        .lines()
        .find(|line| line.contains("does not start until"));
    assert!(
        line.is_some_and(|line| line.contains("denials") && !line.contains("never")),
        "{}",
        stopped.err
    );
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_gateway_that_waits_does_not_say_that_an_object_never_was_good() {
    let policies = Policies::new();
    policies
        .apply("denials", &rule("deny", "deny", "secret"))
        .unwrap();
    policies.apply("denials", &bad()).unwrap();
    for _ in 0..2 {
        let policy = format!("kubernetes:{}", policies.namespace);
        let mut command = policies.command();
        command.args(["serve", "--store", "memory:", "--policy", &policy]);
        command.args(["--consul", "127.0.0.1:0", "--etcd", "off", "--admin", "off"]);
        let log = tempfile::NamedTempFile::new().unwrap();
        command.stdout(Stdio::null()).stderr(log.reopen().unwrap());
        let mut gateway = Ending(command.spawn().unwrap());
        let logged = || std::fs::read_to_string(log.path()).unwrap();
        until("it waits", || logged().contains("does not start until"));
        policies.until_accepted("denials", "False", "Invalid");
        assert_eq!(
            policies.status("denials")["acceptedGeneration"],
            Value::Null
        );
        let pid = Pid::from_raw(gateway.0.id().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        until("it ends", || gateway.0.try_wait().unwrap().is_some());
        assert_eq!(gateway.0.wait().unwrap().code(), Some(0), "{}", logged());
    }
    policies.delete("denials");
    let gateway = policies.gateway();
    until_ready(&gateway);
    assert_eq!(gateway.stop().code, 0);
}

/// A process that ends with the test.
#[derive(Debug)]
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // It has ended already where the test succeeded.
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn without_the_api_server_the_last_state_stays_in_force() {
    let mut servers = Servers::start(1);
    let policies = Policies::of(&servers);
    policies
        .apply("grants", &rule("grant", "allow", "a"))
        .unwrap();
    policies
        .apply("denials", &rule("deny", "deny", "a/secret"))
        .unwrap();
    let gateway = policies.gateway();
    until_may_write(&[&gateway], "a/b", true);
    servers.kill(&apiserver(1));
    // What it was told last holds, however often it asks.
    for _ in 0..20 {
        assert!(may_write(&gateway, "a/b") && !may_write(&gateway, "a/secret/x"));
    }
    servers.again(&apiserver(1));
    servers.until_ready(1);
    policies.delete("grants");
    until_may_write(&[&gateway], "a/b", false);
    policies
        .apply("grants", &rule("grant", "allow", "b"))
        .unwrap();
    until_may_write(&[&gateway], "b/c", true);
    assert_eq!(state(&gateway), "ok");
    // A cluster that was set back to an older state is one in which other objects are there.
    let data = servers.data();
    let kept = data.with_file_name("kept");
    servers.while_down(|data| copy(data, &kept));
    policies
        .apply("grants", &rule("grant", "allow", "later"))
        .unwrap();
    until_may_write(&[&gateway], "later/x", true);
    servers.while_down(|data| {
        std::fs::remove_dir_all(data).unwrap();
        copy(&kept, data);
    });
    until_may_write(&[&gateway], "later/x", false);
    assert!(may_write(&gateway, "b/c"));
    let stopped = gateway.stop();
    assert_eq!(stopped.code, 0);
    for words in ["what they said last stays in force", "can be read again"] {
        assert!(stopped.err.contains(words), "{}", stopped.err);
    }
    servers.kill(ETCD);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

/// A kubeconfig of an account of the namespace that may do this with policies.
fn kubeconfig_of(policies: &Policies, verbs: &str, resources: &str) -> tempfile::NamedTempFile {
    let create = |arguments: &[&str]| {
        policies
            .kubectl(&[&["create"], arguments].concat(), "")
            .unwrap()
    };
    create(&["serviceaccount", "limited"]);
    let (verbs, resources) = (format!("--verb={verbs}"), format!("--resource={resources}"));
    create(&["role", "limited", &verbs, &resources]);
    let account = format!("--serviceaccount={}:limited", policies.namespace);
    create(&["rolebinding", "limited", "--role=limited", &account]);
    let token = create(&["token", "limited"]);
    let view = ["config", "view", "--raw", "--minify", "-o", "json"];
    let config = policies.kubectl(&view, "").unwrap();
    let mut config: Value = serde_json::from_str(&config).unwrap();
    config["users"][0]["user"] = json!({"token": token.trim()});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    file
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn without_the_right_to_list_no_gateway_starts() {
    let policies = Policies::new();
    let limited = kubeconfig_of(&policies, "get,watch", "accesspolicies.kubekv.io");
    let policy = format!("kubernetes:{}", policies.namespace);
    let mut command = policies.command();
    command.env("KUBECONFIG", limited.path());
    command.args(["serve", "--store", "memory:", "--policy", &policy]);
    command.args(["--consul", "127.0.0.1:0", "--etcd", "off", "--admin", "off"]);
    let ended = done(command.output().unwrap());
    assert_ne!(ended.code, 0);
    let words = format!(
        "the policy of namespace {} cannot be read: ",
        policies.namespace
    );
    assert!(
        ended.err.contains(&words) && ended.err.contains("cannot list resource"),
        "{}",
        ended.err
    );
    // Nor where the cluster has no such objects.
    let servers = Servers::start(1);
    let mut command = kubekv();
    command.env("KUBECONFIG", servers.kubeconfig(1));
    command.args(["serve", "--store", "memory:", "--policy", "kubernetes"]);
    command.args(["--consul", "127.0.0.1:0", "--etcd", "off", "--admin", "off"]);
    let ended = done(command.output().unwrap());
    assert_ne!(ended.code, 0);
    assert!(
        ended.err.contains("kubekv crd | kubectl apply -f -"),
        "{}",
        ended.err
    );
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn without_the_right_to_write_a_status_the_policy_is_in_force_all_the_same() {
    let policies = Policies::new();
    let limited = kubeconfig_of(&policies, "get,list,watch", "accesspolicies.kubekv.io");
    let policy = format!("kubernetes:{}", policies.namespace);
    let mut command = policies.command();
    command.env("KUBECONFIG", limited.path());
    let gateway = Running::start_by(command, &["--store", "memory:", "--policy", &policy]);
    policies
        .apply("grants", &rule("grant", "allow", "a"))
        .unwrap();
    until_may_write(&[&gateway], "a/b", true);
    policies.apply("grants", &bad()).unwrap();
    let last_good = "kubekv_policy_objects{state=\"last_good\"}";
    until("it has seen it", || metric(&gateway, last_good) == 1);
    assert!(may_write(&gateway, "a/b"));
    assert_eq!(policies.status("grants"), Value::Null);
    let stopped = gateway.stop();
    assert_eq!(stopped.code, 0);
    let words = "grant the gateway update on accesspolicies/status";
    assert_eq!(stopped.err.matches(words).count(), 1, "{}", stopped.err);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn a_policy_in_mode_warn_refuses_nothing_and_waits_for_no_object() {
    let policies = Policies::new();
    policies.apply("a", &rule("r", "allow", "a")).unwrap();
    policies.apply("a", &bad()).unwrap();
    let policy = format!("kubernetes:{}", policies.namespace);
    let more = [
        "--store",
        "memory:",
        "--policy",
        &policy,
        "--policy-mode",
        "warn",
    ];
    let gateway = Running::start_by(policies.command(), &more);
    until_ready(&gateway);
    assert!(may_write(&gateway, "x"));
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn changes_of_objects_are_audited() {
    let policies = Policies::new();
    policies.apply("a", &rule("r", "allow", "a")).unwrap();
    let policy = format!("kubernetes:{}", policies.namespace);
    let audit = tempfile::NamedTempFile::new().unwrap();
    let path = audit.path().to_str().unwrap().to_owned();
    let more = ["--store", "memory:", "--policy", &policy, "--audit", &path];
    let gateway = Running::start_by(policies.command(), &more);
    let lines = || {
        let mut text = String::new();
        std::fs::File::open(&path)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines = lines.filter(|line| line["event"] == "policy");
        lines.collect::<Vec<_>>()
    };
    until("the policy is told", || lines().len() >= 2);
    let before = lines().last().unwrap()["sha256"].clone();
    policies.apply("b", &rule("s", "allow", "b")).unwrap();
    until("another one is told", || {
        lines().last().unwrap()["sha256"] != before
    });
    policies.apply("b", &bad()).unwrap();
    until("the bad one is told", || {
        let why = lines().last().unwrap()["why"].clone();
        why.as_str()
            .is_some_and(|why| why.starts_with("AccessPolicy b: spec.rules[0]"))
    });
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn api_server_refuses_what_no_policy_can_be() {
    let policies = Policies::new();
    let rule = |more: &Value| {
        let mut rule =
            json!({"name": "r", "identities": ["anonymous"], "allow": ["read"], "beneath": ["a"]});
        for (name, value) in more.as_object().unwrap() {
            rule[name] = value.clone();
        }
        rule.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        json!({"rules": [rule]})
    };
    policies.apply("good", &rule(&json!({}))).unwrap();
    let twice = json!({"rules": [rule(&json!({}))["rules"][0], rule(&json!({}))["rules"][0]]});
    for (spec, words) in [
        (rule(&json!({"name": "a b"})), "spec.rules[0].name"),
        (rule(&json!({"name": null})), "spec.rules[0].name: Required"),
        (rule(&json!({"identities": []})), "spec.rules[0].identities"),
        (rule(&json!({"allow": ["raed"]})), "spec.rules[0].allow[0]"),
        (rule(&json!({"deny": ["read"]})), "either allow or deny"),
        (rule(&json!({"beneath": null})), "goes with beneath or key"),
        (rule(&json!({"prefix": "a"})), "goes with a role only"),
        (rule(&json!({"role": "reader"})), "either a role, or verbs"),
        (
            rule(&json!({"allow": null, "beneath": null})),
            "the rule says nothing",
        ),
        (rule(&json!({"sessions": "some"})), "spec.rules[0].sessions"),
        (twice, "Duplicate value"),
        (
            json!({"quotas": [{"name": "q", "beneath": ["a"]}]}),
            "limits nothing",
        ),
        (
            json!({"quotas": [{"name": "q", "beneath": ["a"], "keys": -1}]}),
            "spec.quotas[0].keys",
        ),
        (
            json!({"roles": [{"name": "r", "grants": [{"allow": ["read"]}]}]}),
            "goes with beneath or key",
        ),
        (json!([]), "spec"),
    ] {
        let refused = policies.apply("bad", &spec).unwrap_err();
        assert!(refused.contains(words), "{refused}: {words}");
    }
    // A field that is not known is not dropped: what is left would be another policy.
    let gateway = policies.gateway();
    let misspelt = json!({"rules": [{"name": "m", "identities": ["anonymous"], "role": "admin", "prefx": "a"}]});
    policies.apply("misspelt", &misspelt).unwrap();
    policies.until_accepted("misspelt", "False", "Invalid");
    let message = policies.condition("misspelt")["message"].clone();
    assert_eq!(
        message,
        "spec.rules[0].prefx: prefx: no such field; is it prefix?"
    );
    assert!(!may_write(&gateway, "x"));
    assert_eq!(gateway.stop().code, 0);
}
