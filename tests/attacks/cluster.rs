//! Attacks through the cluster, on kubekv's entries in a real API server: persons with the roles `view` and `edit`, somebody who
//! may edit entries, and the gateway's own token in other hands.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::command::{kubekv, run};
use support::gateway::{state, until_ready};
use support::kubernetes::{kubectl, namespace};
use support::metrics::metric;
use support::requests::ask;
use support::running::Running;
use support::until::until;
use tempfile::TempDir;

use crate::client::StoreClient;
use crate::hands::{Hands, StoreProtocol};
use crate::records::{SECRET, network_key};
use crate::table::write_table;

/// A network of nothing, as all daemons would read it.
const EVIL: &str = "eeee";

/// Who attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Person {
    /// Bound to the role `view` in the namespace.
    View,
    /// Bound to the role `edit`.
    Edit,
    /// With every verb on entries.
    Editor,
    /// Whoever has a token of the gateways' account.
    Account,
}

const PERSONS: [Person; 4] = [Person::View, Person::Edit, Person::Editor, Person::Account];

impl Person {
    fn name(self) -> &'static str {
        match self {
            Self::View => "a person with `view`",
            Self::Edit => "a person with `edit`",
            Self::Editor => "a person with all verbs on entries",
            Self::Account => "a stolen token of the gateways' account",
        }
    }
}

/// What they try.
const DEEDS: [&str; 7] = [
    "reads values",
    "writes `{}` as a network, and daemons read it",
    "takes leadership away",
    "ends a session",
    "joins as a gateway",
    "gets a token of the gateways' account",
    "reads entries of another namespace",
];

/// A namespace with the gateways' account and a gateway.
struct Cluster {
    namespace: String,
    other: String,
    gateway: Running,
    /// What a gateway has to talk to the cluster: its account's token.
    kubeconfig: PathBuf,
    _directory: TempDir,
}

/// A copy of the cluster's kubeconfig with a token of the gateways' account in it.
fn as_account(namespace: &str, directory: &Path) -> PathBuf {
    let own = directory.join("kubeconfig");
    let whole = kubectl(&["config", "view", "--raw", "--flatten"], &[]).unwrap();
    std::fs::write(&own, whole).unwrap();
    let token = kubectl(&["create", "token", "kubekv", "-n", namespace], &[]).unwrap();
    let at = format!("--kubeconfig={}", own.display());
    let token = format!("--token={}", token.trim());
    kubectl(&[&at, "config", "set-credentials", "account", &token], &[]).unwrap();
    let user = ["config", "set-context", "--current", "--user=account"];
    kubectl(&[&[at.as_str()], &user[..]].concat(), &[]).unwrap();
    own
}

/// A gateway with the account's token.
fn start(namespace: &str, kubeconfig: &Path, name: &str, options: &[&str]) -> Running {
    let mut command = kubekv();
    command.env("KUBECONFIG", kubeconfig);
    let (store, name) = (
        format!("kubernetes:{namespace}"),
        format!("--node-name={name}"),
    );
    let own = ["--store", &store, &name, "--relay=127.0.0.1:0"];
    Running::start_by(command, &[&own, options].concat())
}

impl Cluster {
    fn start(options: &[&str], protected: bool) -> Self {
        let (namespace, other) = (namespace(), namespace());
        let apply = |file: &str| {
            let arguments = ["apply", "-n", &namespace, "-f", file];
            kubectl(&arguments, &[]).unwrap();
        };
        apply("manifests/base/access.yaml");
        // What a controller, which is not here, puts together as the roles `view` and `edit`.
        for (user, role) in [
            ("viewer", "system:aggregate-to-view"),
            ("editor", "system:aggregate-to-view"),
            ("editor", "system:aggregate-to-edit"),
        ] {
            let name = format!("{user}-{}", role.replace(':', "-"));
            let (role, user) = (format!("--clusterrole={role}"), format!("--user={user}"));
            let bind = ["create", "rolebinding", &name, &role, &user];
            kubectl(&[&bind[..], &["-n", &namespace]].concat(), &[]).unwrap();
        }
        let all = "--verb=get,list,watch,create,update,patch,delete";
        let role = [
            "create",
            "role",
            "entries",
            all,
            "--resource=entries.kubekv.io",
        ];
        kubectl(&[&role[..], &["-n", &namespace]].concat(), &[]).unwrap();
        let bind = [
            "create",
            "rolebinding",
            "entries",
            "--role=entries",
            "--user=entries",
        ];
        kubectl(&[&bind[..], &["-n", &namespace]].concat(), &[]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let kubeconfig = as_account(&namespace, directory.path());
        let gateway = start(&namespace, &kubeconfig, "first", options);
        until_ready(&gateway);
        assert_eq!(gateway.run(&["put", "apps/password", SECRET]).code, 0);
        let cluster = Self {
            namespace,
            other,
            gateway,
            kubeconfig,
            _directory: directory,
        };
        if protected {
            cluster.protect();
        }
        cluster
    }

    /// Puts the admission policy in force.
    fn protect(&self) {
        kubectl(&["apply", "-k", "manifests/policy"], &[]).unwrap();
        let label = "kubekv.io/gateway-account=kubekv";
        kubectl(&["label", "namespace", &self.namespace, label], &[]).unwrap();
        until("the policy is in force", || {
            let probe = own_record();
            let create = ["create", "--dry-run=server", "-f", "-"];
            let done = self.as_person(Person::Editor, &create, probe.to_string().as_bytes());
            done.is_err()
        });
    }

    fn as_person(
        &self,
        person: Person,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<String, String> {
        let who = match person {
            Person::View => "--as=viewer".to_owned(),
            Person::Edit => "--as=editor".to_owned(),
            Person::Editor => "--as=entries".to_owned(),
            Person::Account => format!("--as=system:serviceaccount:{}:kubekv", self.namespace),
        };
        let group = "--as-group=system:authenticated";
        let all = [&["-n", &self.namespace, &who, group][..], arguments].concat();
        kubectl(&all, input)
    }

    fn record(&self, kind: &str) -> String {
        let label = format!("kubekv.io/record={kind}");
        let path = "jsonpath={.items[0].metadata.name}";
        let get = ["get", "kv", "-n", &self.namespace, "-l", &label, "-o", path];
        kubectl(&get, &[]).unwrap()
    }

    /// Tries one thing; what became of it, in a word.
    fn deed(&self, person: Person, deed: &str) -> &'static str {
        let works = |done: bool| if done { "**works**" } else { "forbidden" };
        match deed {
            "reads values" => {
                let read = self.as_person(person, &["get", "kv", "-o", "yaml"], &[]);
                works(read.is_ok_and(|shown| shown.contains(SECRET)))
            }
            "gets a token of the gateways' account" => self.get_token(person),
            "reads entries of another namespace" => {
                let other = ["get", "kv", "-n", &self.other];
                works(self.as_person(person, &other, &[]).is_ok())
            }
            "takes leadership away" => self.depose(person),
            "ends a session" => self.end_session(person),
            "joins as a gateway" => self.join(person),
            _ => self.poison(person),
        }
    }

    /// Has a token made, and reads with it.
    fn get_token(&self, person: Person) -> &'static str {
        let Ok(token) = self.as_person(person, &["create", "token", "kubekv"], &[]) else {
            return "forbidden";
        };
        let with = format!("--token={}", token.trim());
        // In a kubeconfig that has no certificate, which would go before the token.
        let user = [with.as_str(), "-n", &self.namespace];
        let config = format!("--kubeconfig={}", self.kubeconfig.display());
        let read = [&[config.as_str()], &user[..], &["get", "kv", "-o", "yaml"]].concat();
        let read = kubectl(&read, &[]);
        if read.is_ok_and(|shown| shown.contains(SECRET)) {
            "**works**"
        } else {
            "a token, and no more"
        }
    }

    /// Deletes the leader record.
    fn depose(&self, person: Person) -> &'static str {
        let (leader, term) = (self.record("lead"), self.term());
        let deleted = self.as_person(person, &["delete", "kv", &leader], &[]);
        if deleted.is_err() {
            return "forbidden";
        }
        until("another term begins", || self.term() > term);
        until_ready(&self.gateway);
        "**works**"
    }

    fn term(&self) -> u64 {
        metric(&self.gateway, "kubekv_store_term")
    }

    /// Deletes the record of a session.
    fn end_session(&self, person: Person) -> &'static str {
        let hands = Hands::new(
            StoreProtocol::Consul,
            StoreClient::plain(self.gateway.consul),
        );
        let session = hands.session("release");
        assert!(!session.is_empty(), "{hands:?}");
        let path = "jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}";
        let label = ["-l", "kubekv.io/record=lease", "-o", path];
        let get = [&["get", "kv", "-n", &self.namespace][..], &label].concat();
        let mut outcome = "forbidden";
        for lease in kubectl(&get, &[]).unwrap().lines() {
            if self
                .as_person(person, &["delete", "kv", lease], &[])
                .is_ok()
            {
                until("its session is gone", || hands.sessions().is_empty());
                outcome = "**works**";
            }
        }
        for left in hands.sessions() {
            hands.end_session(&left);
        }
        until("no session is left", || {
            kubectl(&get, &[]).unwrap().is_empty()
        });
        outcome
    }

    /// Starts another gateway on the entries.
    fn join(&self, person: Person) -> &'static str {
        match person {
            // Nothing that one needs is theirs: who may not read entries cannot follow them.
            Person::View | Person::Edit => self.deed(person, "reads values"),
            // A record of a gateway's own is what others believe it by.
            Person::Editor => {
                let record = own_record().to_string();
                let create = ["create", "--dry-run=server", "-f", "-"];
                match self.as_person(person, &create, record.as_bytes()) {
                    Ok(_) => "**works**",
                    Err(_) => "forbidden",
                }
            }
            Person::Account => {
                let second = start(&self.namespace, &self.kubeconfig, "second", &[]);
                until("it follows the leader", || state(&second) == "relaying");
                assert_eq!(second.stop().code, 0);
                "**works**"
            }
        }
    }

    /// Writes a network of nothing behind the gateway.
    fn poison(&self, person: Person) -> &'static str {
        let key = format!("{}/", network_key(EVIL));
        let name = run(&["name", &key]).text().trim().to_owned();
        let object = json!({"apiVersion": "kubekv.io/v1", "kind": "Entry", "metadata": {"name": name},
            "spec": {"key": key, "value": "{}", "size": 2}});
        let made = self.as_person(
            person,
            &["create", "-f", "-"],
            object.to_string().as_bytes(),
        );
        if made.is_err() {
            return "forbidden";
        }
        let victim = Hands::new(
            StoreProtocol::Consul,
            StoreClient::plain(self.gateway.consul),
        );
        let is_shown = || {
            let listed = victim.list("docker/network/v1.0/network/");
            listed.values().any(|entry| entry.value == "{}")
        };
        let is_kept = || metric(&self.gateway, "kubekv_guard_quarantined") > 0;
        let has_guard =
            ask(self.gateway.admin, "GET /metrics").contains("kubekv_guard_quarantined");
        until("the gateway has it", || {
            is_shown() || has_guard && is_kept()
        });
        let outcome = if is_shown() {
            "**works**"
        } else {
            "quarantined"
        };
        kubectl(&["delete", "kv", &name, "-n", &self.namespace], &[]).unwrap();
        until("it is gone", || !(is_shown() || has_guard && is_kept()));
        outcome
    }
}

/// A record of the gateways' own, such as one that joins writes.
fn own_record() -> Value {
    json!({"apiVersion": "kubekv.io/v1", "kind": "Entry",
        "metadata": {"name": format!("kubekv.probe-{}", "0".repeat(32))},
        "spec": {"key": "probe", "realm": "system", "size": 0}})
}

/// What each of them achieves, by deed.
fn outcomes(cluster: &Cluster) -> Vec<Vec<&'static str>> {
    let of = |deed: &&str| {
        let each = PERSONS.iter().map(|person| cluster.deed(*person, deed));
        each.collect()
    };
    DEEDS.iter().map(of).collect()
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn the_cluster_stops_whom_it_gives_no_verb_and_the_guard_what_the_others_write() {
    let bare = outcomes(&Cluster::start(&[], false));
    let guarded = outcomes(&Cluster::start(&["--guard=enforce"], false));
    let protected = outcomes(&Cluster::start(&["--guard=enforce"], true));
    let text = markdown(&[&bare, &guarded, &protected]);
    write_table(&text);
    let (no, yes, kept) = ("forbidden", "**works**", "quarantined");
    let expected = |poison: &'static str, own: &'static str| {
        vec![
            vec![no, no, yes, yes],
            vec![no, no, poison, poison],
            vec![no, no, own, yes],
            vec![no, no, own, yes],
            vec![no, no, own, yes],
            vec![no, yes, no, no],
            vec![no, no, no, no],
        ]
    };
    assert_eq!(bare, expected(yes, yes));
    assert_eq!(guarded, expected(kept, yes));
    assert_eq!(protected, expected(kept, no));
}

/// The table, with a column for each way in which kubekv runs.
fn markdown(modes: &[&Vec<Vec<&'static str>>]) -> String {
    let mut text = String::from(
        "| who, in the namespace | tries | kubekv | `--guard enforce` | and the admission policy |\n|---|---|---|---|---|\n",
    );
    for (at, person) in PERSONS.iter().enumerate() {
        for (deed, name) in DEEDS.iter().enumerate() {
            let cells: Vec<&str> = modes.iter().map(|mode| mode[deed][at]).collect();
            writeln!(
                text,
                "| {} | {name} | {} |",
                person.name(),
                cells.join(" | ")
            )
            .unwrap();
        }
    }
    text
}
