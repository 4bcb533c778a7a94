//! A Kubernetes API server on an etcd of its own: no nodes, no controllers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::bounded::succeed;
use super::credentials::{certificates, write};
use super::error::FieldError;
use super::etcd;
use super::process::FieldProcess;
use super::program::{FieldProgram, FoundProgram};
use super::running::{FieldPlace, RunningDeployment};
use crate::bench::target::TargetProtocol;

/// The namespace with the entries.
pub(super) const NAMESPACE: &str = "bench";

/// How long the API server has until it serves.
const PATIENCE: Duration = Duration::from_secs(90);

/// The time between two looks whether it serves.
const PAUSE: Duration = Duration::from_millis(100);

/// Its administrator's token. It listens on loopback, and ends with its clients.
const TOKEN: &str = "kubekv-bench";

/// Starts one that is asked directly.
pub(super) fn direct(place: &mut FieldPlace<'_>) -> Result<RunningDeployment, FieldError> {
    let FieldCluster {
        mut servers, port, ..
    } = start(place)?;
    let token = place.directory.join("token");
    write(&token, TOKEN)?;
    let authority = place.directory.join("ca.crt");
    let access = [("--tls-ca", authority), ("--token-file", token)];
    servers.access = access
        .into_iter()
        .flat_map(|(name, path)| [name.to_owned(), path.display().to_string()])
        .collect();
    servers.target = format!("kube://127.0.0.1:{port}/{NAMESPACE}");
    Ok(servers)
}

/// A cluster that serves, with the definition of entries and a namespace for them.
pub(super) struct FieldCluster {
    /// The API server and its etcd.
    pub(super) servers: RunningDeployment,
    /// Its administrator's configuration.
    pub(super) kubeconfig: PathBuf,
    /// The API server's port.
    port: u16,
}

/// Starts one.
pub(super) fn start(place: &mut FieldPlace<'_>) -> Result<FieldCluster, FieldError> {
    let (server, kubectl) = (
        place.find(FieldProgram::ApiServer)?,
        place.find(FieldProgram::Kubectl)?,
    );
    let mut servers = etcd::start(place, FieldProgram::Etcd3, TargetProtocol::Etcd3)?;
    let port = place.port()?;
    certificates(place)?;
    let kubeconfig = kubeconfig(place, port)?;
    let etcd = servers.target.replacen("etcd3://", "http://", 1);
    let arguments = arguments(&place.directory, port, &etcd);
    let mut command = place.launcher.command(&server.path);
    command.args(&arguments);
    let mut process = FieldProcess::start("kube-apiserver", command, &place.directory)?;
    let control = Control {
        place,
        kubectl: &kubectl,
        kubeconfig: &kubeconfig,
    };
    control.until_true(&mut process, &["get", "--raw", "/readyz"])?;
    let crd = control.definition()?;
    control.run(&["apply", "--filename", &crd])?;
    control.run(&["create", "namespace", NAMESPACE])?;
    control.until_true(&mut process, &["get", "entries", "--namespace", NAMESPACE])?;
    servers.version = format!("{}, {}", server.version, servers.version);
    servers.commands.insert(
        0,
        place.shown(&format!("kube-apiserver {}", arguments.join(" "))),
    );
    servers.processes.insert(0, process);
    Ok(FieldCluster {
        servers,
        kubeconfig,
        port,
    })
}

/// The API server's arguments: who shows the token is the administrator, as with a certificate, and without its cost.
fn arguments(directory: &Path, port: u16, etcd: &str) -> Vec<String> {
    let file = |name: &str| directory.join(name).display().to_string();
    vec![
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", file("server.crt")),
        format!("--service-account-signing-key-file={}", file("server.key")),
        format!("--token-auth-file={}", file("tokens.csv")),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--etcd-servers={etcd}"),
    ]
}

/// Writes the administrator's token and configuration.
fn kubeconfig(place: &FieldPlace<'_>, port: u16) -> Result<PathBuf, FieldError> {
    let directory = &place.directory;
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "users": [{"name": "bench", "user": {"token": TOKEN}}],
        "clusters": [{"name": "bench", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": directory.join("ca.crt"),
        }}],
    });
    let path = directory.join("kubeconfig");
    let tokens = format!("{TOKEN},bench,bench,\"system:masters\"\n");
    for (path, text) in [
        (path.clone(), config.to_string()),
        (directory.join("tokens.csv"), tokens),
    ] {
        fs::write(&path, text).map_err(|error| FieldError::io(path.display(), error))?;
    }
    Ok(path)
}

/// The command line of a cluster.
struct Control<'a> {
    place: &'a FieldPlace<'a>,
    kubectl: &'a FoundProgram,
    kubeconfig: &'a Path,
}

impl Control<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.launcher.command(&self.kubectl.path);
        command.arg("--kubeconfig").arg(self.kubeconfig);
        command.args(arguments);
        command
    }

    /// Runs a command that must succeed.
    fn run(&self, arguments: &[&str]) -> Result<(), FieldError> {
        let name = format!("kubectl {}", arguments.join(" "));
        let command = self.command(arguments);
        succeed(&name, command, &self.place.directory).map(|_out| ())
    }

    /// Writes the definition of entries of the kubekv that is measured to a file.
    fn definition(&self) -> Result<String, FieldError> {
        let kubekv = self.place.find(FieldProgram::Kubekv)?;
        let mut command = self.place.launcher.command(&kubekv.path);
        command.arg("crd");
        let text = succeed("kubekv crd", command, &self.place.directory)?;
        let path = self.place.directory.join("crd.yaml");
        fs::write(&path, text).map_err(|error| FieldError::io(path.display(), error))?;
        Ok(path.display().to_string())
    }

    /// Runs a command until it succeeds, while the API server lives.
    fn until_true(&self, process: &mut FieldProcess, arguments: &[&str]) -> Result<(), FieldError> {
        process.until_yes(PATIENCE, PAUSE, || {
            let command = self.command(arguments);
            let done = succeed("kubectl", command, &self.place.directory);
            Ok(done.map(drop).map_err(|error| error.to_string()))
        })
    }
}
