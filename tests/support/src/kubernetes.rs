//! The Kubernetes cluster that `KUBECONFIG` names, as its administrator uses it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use kubekv::store::shared::{Candidate, Metrics, SharedStore, Term};

use crate::components::component;

/// Runs kubectl; its output, or what it said when it failed.
pub fn kubectl(arguments: &[&str], input: &[u8]) -> Result<String, String> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| component("kubernetes").join("kubectl"));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended before it read everything: its exit code and output say why.
    let _unread = child.stdin.take().unwrap().write_all(input);
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    if status.success() {
        Ok(String::from_utf8(stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&stderr).into_owned())
    }
}

/// Takes leadership in a namespace.
pub async fn lead(namespace: &str) -> (SharedStore, Term) {
    let candidate = Candidate {
        name: "tests".to_owned(),
        relay: None,
        duration: Duration::from_secs(10),
    };
    let shared = kubekv::store::kubernetes::open(Some(namespace), candidate, Metrics::default())
        .await
        .unwrap();
    let term = shared.lead().await;
    (shared, term)
}

/// Applies the definition of entries, once.
pub fn define() {
    static DEFINED: OnceLock<()> = OnceLock::new();
    DEFINED.get_or_init(|| {
        let definition = kubekv::store::kubernetes::definition().unwrap();
        kubectl(&["apply", "-f", "-"], definition.as_bytes()).unwrap_or_else(|why| {
            panic!("needs a cluster, export KUBECONFIG=$(tests/kubernetes up): {why}")
        });
    });
}

/// A namespace of its own, in a cluster with the definition of entries.
pub fn namespace() -> String {
    define();
    let name = format!("kubekv-{}", uuid::Uuid::new_v4().simple());
    kubectl(&["create", "namespace", &name], &[]).unwrap();
    name
}
