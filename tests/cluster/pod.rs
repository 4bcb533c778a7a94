//! A gateway as its pod runs it: by the manifests' environment, as their `ServiceAccount`, configured from inside.

use std::process::Command;

use serde_json::Value;
use support::command::binary;

use crate::rendered::container;
use support::command::by;
use support::kubernetes::kubectl;
use support::running::Running;

/// The Service's address, as pods get it from the cluster.
const SERVICE: &str = "10.96.0.7";

/// The variables that Kubernetes sets in every pod of a namespace that has a Service called kubekv.
const SERVICE_VARIABLES: [(&str, &str); 7] = [
    ("KUBEKV_SERVICE_HOST", SERVICE),
    ("KUBEKV_SERVICE_PORT", "8500"),
    ("KUBEKV_SERVICE_PORT_CONSUL", "8500"),
    ("KUBEKV_SERVICE_PORT_ETCD", "2379"),
    ("KUBEKV_PORT", "tcp://10.96.0.7:8500"),
    ("KUBEKV_PORT_8500_TCP", "tcp://10.96.0.7:8500"),
    ("KUBEKV_PORT_8500_TCP_ADDR", SERVICE),
];

/// The environment of the gateway's container, as a kubelet makes it.
pub(crate) fn environment(workload: &Value) -> Vec<(String, String)> {
    let variables = SERVICE_VARIABLES.iter();
    let mut found: Vec<(String, String)> = variables
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    for variable in container(workload)["env"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        let value = match (variable["value"].as_str(), &variable["valueFrom"]) {
            // Only variables defined before it can be expanded.
            (Some(text), _) => expand(text, &found),
            (None, from) if from["fieldRef"]["fieldPath"] == "status.podIP" => {
                "127.0.0.1".to_owned()
            }
            // The ConfigMap that need not be there is not.
            (None, from) if from["configMapKeyRef"]["optional"] == true => continue,
            (None, from) if from["secretKeyRef"]["optional"] == true => continue,
            (None, from) => panic!("{name} from {from}"),
        };
        found.push((name.to_owned(), value));
    }
    found
}

fn expand(text: &str, known: &[(String, String)]) -> String {
    let known = known.iter();
    known.fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("$({name})"), value)
    })
}

/// The same on ports that are free: several pods run on this machine.
pub(crate) fn with_free_ports(environment: &[(String, String)]) -> Vec<(String, String)> {
    let listens = [
        "KUBEKV_CONSUL",
        "KUBEKV_ETCD",
        "KUBEKV_ZOOKEEPER",
        "KUBEKV_ADMIN",
        "KUBEKV_RELAY",
    ];
    let pairs = environment.iter().filter_map(|(name, value)| {
        let value = match name.as_str() {
            // The port is not known beforehand, so that it cannot be advertised: the listener gets a free one instead.
            "KUBEKV_RELAY_ADVERTISE" => return None,
            name if listens.contains(&name) => "127.0.0.1:0",
            _ => value,
        };
        Some((name.clone(), value.to_owned()))
    });
    pairs.collect()
}

/// The files that the kubelet mounts into a pod of a `ServiceAccount`.
#[derive(Debug)]
pub(crate) struct Account {
    mounted: tempfile::TempDir,
    namespace: String,
}

impl Account {
    /// The manifests' account in a namespace where they are applied.
    pub(crate) fn of(namespace: &str) -> Self {
        let account = Self {
            mounted: tempfile::tempdir().unwrap(),
            namespace: namespace.to_owned(),
        };
        let authority = "jsonpath={.clusters[0].cluster.certificate-authority-data}";
        let authority = base64(&config(authority));
        account.write("ca.crt", &authority);
        account.write("namespace", namespace);
        account.set_token(&account.token(&[]));
        account
    }

    /// Asks for a token of this account.
    pub(crate) fn token(&self, more: &[&str]) -> String {
        let create = ["-n", &self.namespace, "create", "token", "kubekv"];
        let token = kubectl(&[&create, more].concat(), &[]).unwrap();
        token.trim().to_owned()
    }

    /// Replaces the token, as the kubelet does before it expires.
    pub(crate) fn set_token(&self, token: &str) {
        self.write("token", token);
    }

    fn write(&self, name: &str, text: &str) {
        let part = self.mounted.path().join(".part");
        std::fs::write(&part, text).unwrap();
        std::fs::rename(part, self.mounted.path().join(name)).unwrap();
    }

    /// The log of its gateways.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.mounted.path().join("log")).unwrap_or_default()
    }

    /// A command that finds this account where pods find theirs.
    pub(crate) fn command(&self) -> Command {
        let mut command = by("unshare");
        let script = "set -e; mount -t tmpfs tmpfs /var/run; \
                      there=/var/run/secrets/kubernetes.io/serviceaccount; mkdir -p $there; \
                      mount --bind \"$0\" $there; exec \"$@\" 2>>\"$0/log\"";
        command.args(["--mount", "sh", "-c", script]);
        command.arg(self.mounted.path()).arg(binary());
        let server = config("jsonpath={.clusters[0].cluster.server}");
        let server: http::Uri = server.parse().unwrap();
        command
            .env("KUBERNETES_SERVICE_HOST", server.host().unwrap())
            .env(
                "KUBERNETES_SERVICE_PORT",
                server.port_u16().unwrap_or(443).to_string(),
            )
            .env("HOME", "/nowhere")
            .env_remove("KUBECONFIG");
        command
    }

    /// Starts a gateway by the manifests' environment, and more.
    pub(crate) fn start(&self, workload: &Value, more: &[(&str, &str)]) -> Running {
        let mut command = self.command();
        command.arg("serve");
        command.envs(with_free_ports(&environment(workload)));
        command.env("KUBEKV_LEAD_DURATION", "2");
        command.envs(more.iter().copied());
        Running::spawn(command)
    }

    /// Runs kubectl with this account's token and nothing else.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let server = config("jsonpath={.clusters[0].cluster.server}");
        let token = std::fs::read_to_string(self.mounted.path().join("token")).unwrap();
        let authority = self.mounted.path().join("ca.crt");
        let as_account = [
            "--kubeconfig=/dev/null",
            "--server",
            &server,
            "--certificate-authority",
            authority.to_str().unwrap(),
            "--token",
            &token,
        ];
        kubectl(&[&as_account, arguments].concat(), &[])
    }
}

fn config(path: &str) -> String {
    kubectl(&["config", "view", "--raw", "--minify", "-o", path], &[]).unwrap()
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap();
    String::from_utf8(bytes).unwrap()
}
