//! Certificates of clients, where these have identities: made by `kubekv certs`, read by each program that connects.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// An attacker by its number.
    Attacker(usize),
    /// The bystander, or who prepares its server.
    Bystander,
}

/// The certificates of the attackers and of the bystander.
#[derive(Clone)]
pub(crate) struct Certificates {
    attackers: Vec<TlsConnector>,
    bystander: TlsConnector,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}

/// What the policy of a gateway says of them: each name is an identity, and may do everything.
const POLICY: &str = r#"
[[identity]]
authority = "AUTHORITY"
field = "cn"
name = "{name}"
principal = "client/{name}"

[[rule]]
name = "all"
identities = ["client/{name}"]
allow = ["all"]
beneath = [""]
sessions = "all"
"#;

/// Makes an authority, a server's certificate and those of so many attackers and of the bystander, and a policy. Returns the
/// options of `kubekv serve` that take them.
pub(crate) fn make(kubekv: &Path, directory: &Path, identities: usize) -> Vec<String> {
    let certs = |arguments: &[&str]| {
        let mut command = Command::new(kubekv);
        command.arg("certs").args(arguments);
        let output = command.arg("--dir").arg(directory).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
    };
    certs(&["ca"]);
    certs(&["server", "127.0.0.1"]);
    certs(&["client", "bystander"]);
    for number in 0..identities {
        certs(&["client", &attacker(number)]);
    }
    let at = |name: &str| directory.join(name).display().to_string();
    let authority = std::fs::read(directory.join("ca.crt")).unwrap();
    let authority = CertificateDer::from_pem_slice(&authority).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &authority);
    let mut name = "sha256:".to_owned();
    for byte in digest.as_ref() {
        write!(name, "{byte:02x}").unwrap();
    }
    let policy = POLICY.replace("AUTHORITY", &name);
    std::fs::write(directory.join("policy.toml"), policy).unwrap();
    [
        ("--tls-cert", at("server.crt")),
        ("--tls-key", at("server.key")),
        ("--tls-client-ca", at("ca.crt")),
        ("--policy", at("policy.toml")),
        // Who measures it, and a kubelet, have no certificate.
        ("--admin-tls-cert", "off".to_owned()),
    ]
    .into_iter()
    .flat_map(|(option, value)| [option.to_owned(), value])
    .collect()
}

/// The options by which `kubekv bench` is the bystander.
#[cfg_attr(
    test,
    expect(dead_code, reason = "the short form has a bystander of its own")
)]
pub(crate) fn bench_options(directory: &Path) -> Vec<String> {
    let at = |name: &str| directory.join(name).display().to_string();
    [
        ("--tls-ca", at("ca.crt")),
        ("--tls-cert", at("client-bystander.crt")),
        ("--tls-key", at("client-bystander.key")),
    ]
    .into_iter()
    .flat_map(|(option, value)| [option.to_owned(), value])
    .collect()
}

fn attacker(number: usize) -> String {
    format!("attacker-{number}")
}

impl Certificates {
    /// Reads the certificates that [`make`] made.
    pub(crate) fn read(directory: &Path, identities: usize) -> Self {
        let of = |name: &str| connector(directory, name);
        Self {
            attackers: (0..identities)
                .map(|number| of(&attacker(number)))
                .collect(),
            bystander: of("bystander"),
        }
    }

    /// Shows who connects.
    pub(super) async fn show(
        &self,
        who: Who,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let connector = match who {
            Who::Attacker(number) => &self.attackers[number % self.attackers.len()],
            Who::Bystander => &self.bystander,
        };
        let name = ServerName::try_from("127.0.0.1").unwrap();
        connector.connect(name, stream).await
    }
}

fn connector(directory: &Path, name: &str) -> TlsConnector {
    let at = |name: &str| -> PathBuf { directory.join(name) };
    let certificates = |path: PathBuf| -> Vec<CertificateDer<'static>> {
        let found = CertificateDer::pem_file_iter(path).unwrap();
        found.map(Result::unwrap).collect()
    };
    let mut roots = RootCertStore::empty();
    for authority in certificates(at("ca.crt")) {
        roots.add(authority).unwrap();
    }
    let chain = certificates(at(&format!("client-{name}.crt")));
    let key = PrivateKeyDer::from_pem_file(at(&format!("client-{name}.key"))).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    TlsConnector::from(Arc::new(config))
}
