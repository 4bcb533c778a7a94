//! `Certificates`: those of the lab's server and hosts, made by `kubekv certs` and replaced while they are used.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::audit_log::refused_to_hosts;
use support::command::binary;
use support::docker_lab::{STORE, run, shown};
use support::policy_text::PolicyText;

/// The hosts' addresses, by which their certificates are called.
const HOSTS: [&str; 2] = ["10.99.0.1", "10.99.0.2"];

/// What the hosts may do, each by the address in its certificate.
fn policy() -> PolicyText {
    let head = PolicyText::default().identity("CN=kubekv CA", "ip", "{ip}", "node/{ip}");
    head.role("hosts", "node/{ip}", "docker-node")
}

/// The directory of an authority and of what it signed.
#[derive(Clone, Debug)]
pub(crate) struct Certificates(PathBuf);

impl Certificates {
    /// An authority, a certificate of the server and one of each host.
    pub(crate) fn make(directory: &Path) -> Self {
        let made = Self(directory.join("certs"));
        let commands = [
            format!("{} ca --dir {}", certs(), shown(&made.0)),
            made.renewal(""),
        ];
        run(Command::new("bash").args(["-ec", &commands.join("; ")]));
        made
    }

    /// The path of a file.
    pub(crate) fn path(&self, name: &str) -> String {
        shown(&self.0.join(name))
    }

    /// Options of a gateway that lets nobody in without a certificate, lets each host do what its daemon needs and nothing
    /// more, and records in its audit log what it refuses.
    pub(crate) fn of_gateway(&self) -> Vec<String> {
        std::fs::write(self.0.join("policy.toml"), policy().to_string()).unwrap();
        vec![
            format!("--policy={}", self.path("policy.toml")),
            format!("--audit={}", self.path("audit.log")),
            format!("--tls-cert={}", self.path("server.crt")),
            format!("--tls-key={}", self.path("server.key")),
            format!("--tls-client-ca={}", self.path("ca.crt")),
            "--tls-client-auth=required".to_owned(),
        ]
    }

    /// Flags of the daemons, each with the certificate of its host.
    pub(crate) fn of_hosts(&self) -> Vec<String> {
        let of = |option: &str, file: &str| {
            format!("--cluster-store-opt=kv.{option}={}", self.path(file))
        };
        vec![
            of("cacertfile", "ca.crt"),
            of("certfile", "node-{address}.crt"),
            of("keyfile", "node-{address}.key"),
        ]
    }

    /// The lines of the audit log that tell of something refused to a host.
    pub(crate) fn refused(&self) -> Vec<String> {
        refused_to_hosts(&self.0.join("audit.log"))
    }

    /// A command that replaces every certificate but the authority's, each with a new key, and waits until the server on this
    /// port shows its new one. Daemons take theirs when they are started.
    pub(crate) fn replace(&self, port: u16) -> String {
        let ask = format!(
            "nsenter --net=/run/netns/kubekv-store openssl s_client -connect {STORE}:{port} -CAfile {} -cert {} -key {}",
            self.path("ca.crt"),
            self.path("node-10.99.0.1.crt"),
            self.path("node-10.99.0.1.key")
        );
        format!(
            "{}; want=$(openssl x509 -noout -serial -in {}); \
             for try in $(seq 600); do \
             got=$({ask} </dev/null 2>/dev/null | openssl x509 -noout -serial 2>/dev/null || true); \
             [ \"$got\" = \"$want\" ] && exit 0; sleep 0.05; done; \
             echo \"the server shows $got and not its new certificate, $want\" >&2; exit 1",
            self.renewal("--force"),
            self.path("server.crt"),
        )
    }

    fn renewal(&self, force: &str) -> String {
        let (certs, directory) = (certs(), shown(&self.0));
        let [first, second] =
            HOSTS.map(|host| format!("{certs} node {host} --dir {directory} {force}"));
        format!("{certs} server {STORE} --dir {directory} {force}; {first}; {second}")
    }
}

fn certs() -> String {
    format!("{} certs", binary())
}
