//! `AttackCredentials`: the authority of a fleet and what it signed, one that nobody trusts, and the secrets that were given.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use support::command::{embedded, kubekv};
use support::policy_text::PolicyText;

use crate::records::{ATTACKER, THIRD, VICTIM};
use crate::secrets::{ClientSecret, GIVEN, credentials_file};

/// The policy: Docker hosts by the addresses in their certificates, or by which their secrets are called, the fleet's operator,
/// and another team's hosts beneath its own path.
fn policy() -> PolicyText {
    let certified = PolicyText::default()
        .identity("CN=kubekv CA", "ip", "{ip}", "node/{ip}")
        .identity("CN=kubekv CA", "cn", "ops", "ops")
        .identity("CN=team-b", "ip", "{ip}", "team-b/{ip}");
    let fields = ["token", "user"].into_iter();
    let identified = fields.fold(certified, |tables, field| {
        tables
            .identity("credentials", field, "node-{ip}", "node/{ip}")
            .identity("credentials", field, "ops", "ops")
    });
    let other = "role = \"docker-node\"\nprefix = \"team-b\"";
    identified
        .role("hosts", "node/{ip}", "docker-node")
        .rule("other-hosts", "team-b/{ip}", other)
        .role("operator", "ops", "admin")
}

/// What a client may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shown {
    Nothing,
    /// The certificate and the secret of the attacked fleet's host that was broken into.
    Stolen,
    /// Its secret alone.
    Secret,
    /// Its secret, and the certificate of another host.
    SecretElsewhere,
    /// The same names, by an authority of the attacker's own, and a secret that nobody gave.
    Forged,
    /// What an innocent host shows.
    Victim,
    Operator,
}

/// Files of certificates and a policy.
#[derive(Debug)]
pub(crate) struct AttackCredentials {
    directory: tempfile::TempDir,
    /// The clients' sides of TLS, each of which resumes its sessions.
    clients: Mutex<BTreeMap<Shown, Arc<ClientConfig>>>,
}

impl AttackCredentials {
    /// Makes them, with the certificate of a server at these addresses.
    pub(crate) fn make(servers: &[&str]) -> Self {
        let made = Self {
            directory: tempfile::tempdir().unwrap(),
            clients: Mutex::default(),
        };
        let certs = |directory: &str, arguments: &[&str]| {
            let done = kubekv()
                .args(["certs", arguments[0], "--dir"])
                .arg(made.directory.path().join(directory))
                .args(&arguments[1..])
                .output()
                .unwrap();
            assert!(done.status.success(), "{done:?}");
        };
        certs("fleet", &["ca"]);
        certs("fleet", &[&["server"], servers].concat());
        certs("fleet", &["node", ATTACKER]);
        certs("fleet", &["node", VICTIM]);
        certs("fleet", &["node", THIRD]);
        certs("fleet", &["client", "ops"]);
        certs("forged", &["ca"]);
        certs("forged", &["node", ATTACKER]);
        std::fs::write(made.path("policy.toml"), policy().to_string()).unwrap();
        made.give(&GIVEN);
        made
    }

    /// Makes these all the secrets that gateways know.
    pub(crate) fn give(&self, secrets: &[ClientSecret]) {
        let (file, next) = (self.path("credentials.toml"), self.path("credentials.next"));
        std::fs::write(&next, credentials_file(secrets)).unwrap();
        // Gateways take none that others may read.
        std::fs::set_permissions(&next, Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(next, file).unwrap();
    }

    /// A file of the fleet's.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("fleet").join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A store beside them.
    pub(crate) fn store(&self, name: &str) -> (PathBuf, String) {
        let path = self.directory.path().join(name);
        let url = embedded(&path);
        (path, url)
    }

    /// A client's side of TLS with the fleet's servers.
    pub(crate) fn tls(&self, shown: Shown) -> Arc<ClientConfig> {
        let mut clients = self.clients.lock();
        let client = clients.entry(shown).or_insert_with(|| self.client(shown));
        Arc::clone(client)
    }

    fn client(&self, shown: Shown) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_file_iter(self.path("ca.crt")).unwrap() {
            roots.add(authority.unwrap()).unwrap();
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let (directory, name) = match shown {
            Shown::Nothing | Shown::Secret => return Arc::new(config.with_no_client_auth()),
            Shown::Stolen => ("fleet", format!("node-{ATTACKER}")),
            Shown::SecretElsewhere => ("fleet", format!("node-{THIRD}")),
            Shown::Forged => ("forged", format!("node-{ATTACKER}")),
            Shown::Victim => ("fleet", format!("node-{VICTIM}")),
            Shown::Operator => ("fleet", "client-ops".to_owned()),
        };
        let file = |end: &str| {
            self.directory
                .path()
                .join(directory)
                .join(format!("{name}.{end}"))
        };
        Arc::new(
            config
                .with_client_auth_cert(chain(&file("crt")), key(&file("key")))
                .unwrap(),
        )
    }
}

fn chain(file: &Path) -> Vec<CertificateDer<'static>> {
    let certificates = CertificateDer::pem_file_iter(file).unwrap();
    certificates.collect::<Result<_, _>>().unwrap()
}

fn key(file: &Path) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_file(file).unwrap()
}
