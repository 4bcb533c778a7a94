//! `kubekv certs`: what it makes is accepted where it is meant to be, and nowhere else.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime,
};
use rustls::server::WebPkiClientVerifier;
use support::command::{Done, kubekv, run};
use support::running::Running;
use tempfile::TempDir;

/// A directory with an authority, and what it made.
struct Made(TempDir);

impl Made {
    fn authority() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.make(&["ca"]);
        made
    }

    fn run(&self, words: &[&str]) -> Done {
        let place = ["--dir", self.0.path().to_str().unwrap()];
        run(&[&["certs"], words, &place[..]].concat())
    }

    fn make(&self, words: &[&str]) -> String {
        let done = self.run(words);
        assert_eq!(done.code, 0, "{done:?}");
        assert_eq!(done.err, "");
        done.text().to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(name)).unwrap()
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate("ca.crt")).unwrap();
        Arc::new(roots)
    }

    /// Whether a client that trusts this authority accepts the certificate for this name.
    fn serves(&self, certificate: &CertificateDer<'_>, name: &str) -> bool {
        let provider = Arc::new(default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(self.roots(), provider);
        let name = ServerName::try_from(name).unwrap();
        let verifier = verifier.build().unwrap();
        verifier
            .verify_server_cert(certificate, &[], &name, &[], UnixTime::now())
            .is_ok()
    }

    /// Whether a server that trusts this authority, with its list of revoked certificates if there is one, accepts the client.
    fn admits(&self, certificate: &CertificateDer<'_>) -> bool {
        let provider = Arc::new(default_provider());
        let mut verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), provider);
        let list = self.path("ca.crl");
        if Path::new(&list).exists() {
            let list = CertificateRevocationListDer::from_pem_file(list).unwrap();
            verifier = verifier.with_crls([list]).enforce_revocation_expiration();
        }
        let verifier = verifier.build().unwrap();
        verifier
            .verify_client_cert(certificate, &[], UnixTime::now())
            .is_ok()
    }
}

#[test]
fn a_server_certificate_is_for_its_names_alone() {
    let made = Made::authority();
    made.make(&[
        "server",
        "kv.example",
        "*.kv.example",
        "10.0.0.254",
        "fd00::1",
    ]);
    let server = made.certificate("server.crt");
    for name in ["kv.example", "a.kv.example", "10.0.0.254", "fd00::1"] {
        assert!(made.serves(&server, name), "{name}");
    }
    for name in ["kv.other", "a.b.kv.example", "10.0.0.1", "kubekv"] {
        assert!(!made.serves(&server, name), "{name}");
    }
    assert!(
        !made.admits(&server),
        "a gateway's certificate is no client's"
    );
}

#[test]
fn a_host_is_a_client_and_no_server() {
    let made = Made::authority();
    made.make(&["node", "10.0.0.1", "--dns", "host-a.example"]);
    made.make(&["client", "ops", "--spiffe", "spiffe://example.org/ops"]);
    for name in ["node-10.0.0.1.crt", "client-ops.crt"] {
        assert!(made.admits(&made.certificate(name)), "{name}");
    }
    // With its own key a host cannot pass for a gateway, even under its own name.
    let node = made.certificate("node-10.0.0.1.crt");
    for name in ["10.0.0.1", "host-a.example"] {
        assert!(!made.serves(&node, name), "{name}");
    }
    let other = Made::authority();
    assert!(!other.admits(&node), "two authorities of one name are two");
}

#[test]
fn a_revoked_host_is_refused_and_the_others_are_not() {
    let made = Made::authority();
    for address in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
        made.make(&["node", address]);
    }
    let [first, second, third] =
        [1, 2, 3].map(|host| made.certificate(&format!("node-10.0.0.{host}.crt")));
    let admitted = || [&first, &second, &third].map(|node| made.admits(node));
    made.make(&["revoke", &made.path("node-10.0.0.1.crt")]);
    assert_eq!(admitted(), [false, true, true]);
    // The list grows, and a renewal keeps what it had.
    let said = made.make(&["revoke", &made.path("node-10.0.0.2.crt")]);
    assert!(said.contains("revoked certificates: 2"), "{said}");
    assert_eq!(admitted(), [false, false, true]);
    made.make(&["revoke"]);
    assert_eq!(admitted(), [false, false, true]);
    let foreign = Made::authority();
    foreign.make(&["ca", "--name", "another", "--force"]);
    foreign.make(&["node", "10.0.0.3"]);
    let done = made.run(&["revoke", &foreign.path("node-10.0.0.3.crt")]);
    assert_eq!(done.code, 8, "{done:?}");
    assert!(done.err.contains("signed by another authority"), "{done:?}");
    // What it revoked would be valid again if a list that cannot be read were replaced.
    std::fs::write(made.path("ca.crl"), "nothing").unwrap();
    assert_eq!(made.run(&["revoke"]).code, 8);
    assert_eq!(made.text("ca.crl"), "nothing");
}

#[test]
fn keys_are_for_their_owner_and_nothing_is_replaced_unasked() {
    let made = Made::authority();
    made.make(&["server", "kv"]);
    let mode = |name: &str| {
        let permissions = std::fs::metadata(made.path(name)).unwrap().permissions();
        permissions.mode() & 0o777
    };
    assert_eq!(["ca.key", "server.key"].map(mode), [0o600; 2]);
    let before = ["ca.crt", "ca.key", "server.crt", "server.key"].map(|name| made.text(name));
    for words in [&["ca"][..], &["server", "kv"]] {
        let done = made.run(words);
        assert_eq!(done.code, 8, "{done:?}");
        assert!(done.err.contains("--force"), "{done:?}");
    }
    // One of both is enough: a certificate beside another's key serves nobody.
    std::fs::remove_file(made.path("server.key")).unwrap();
    assert_eq!(made.run(&["server", "kv"]).code, 8);
    assert!(!Path::new(&made.path("server.key")).exists());
    let after = ["ca.crt", "ca.key", "server.crt"].map(|name| made.text(name));
    assert_eq!(after[..], before[..3]);
    made.make(&["server", "kv", "--force"]);
    assert_ne!(made.text("server.crt"), before[2]);
    assert_eq!(mode("server.key"), 0o600);
    let key = PrivateKeyDer::from_pem_file(made.path("server.key")).unwrap();
    let provider = default_provider();
    let signer = provider.key_provider.load_private_key(key).unwrap();
    let pair = rustls::sign::CertifiedKey::new(vec![made.certificate("server.crt")], signer);
    pair.keys_match().unwrap();
    let left = std::fs::read_dir(made.0.path()).unwrap();
    assert_eq!(left.count(), 4, "nothing but the two pairs");
}

#[test]
fn a_certificate_does_not_outlive_its_authority() {
    let made = Made(tempfile::tempdir().unwrap());
    let end = |said: String| {
        let line = said.lines().next().unwrap().to_owned();
        line.split(" until ").nth(1).unwrap().to_owned()
    };
    let authority = end(made.make(&["ca", "--days", "10"]));
    assert_eq!(end(made.make(&["server", "kv", "--days", "20"])), authority);
    assert_ne!(
        end(made.make(&["node", "10.0.0.1", "--days", "2"])),
        authority
    );
}

#[test]
fn what_cannot_be_made_is_refused() {
    let made = Made(tempfile::tempdir().unwrap());
    let done = made.run(&["server", "kv"]);
    assert_eq!(done.code, 8, "{done:?}");
    assert!(done.err.contains("kubekv certs ca --dir DIR"), "{done:?}");
    made.make(&["ca"]);
    for words in [
        &["server"][..],
        &["server", "kv:8500"],
        &["server", "0.0.0.0"],
        &["node", "host-a"],
        &["node", "10.0.0.1", "--dns", "*.example"],
        &["client", "../ops"],
        &["client", "ops", "--spiffe", "https://example.org/ops"],
        &["server", "kv", "--days", "0"],
    ] {
        let done = made.run(words);
        assert_eq!(done.code, 2, "{done:?}");
    }
    // The key of another authority would sign what nobody accepts.
    let other = Made::authority();
    std::fs::copy(other.path("ca.key"), made.path("ca.key")).unwrap();
    let done = made.run(&["server", "kv"]);
    assert_eq!(done.code, 8, "{done:?}");
    assert!(
        done.err.contains("the key of another certificate"),
        "{done:?}"
    );
}

#[test]
fn what_is_printed_names_the_files() {
    let made = Made::authority();
    let said = made.make(&["server", "kv.example", "10.0.0.254"]);
    assert!(said.contains("for kv.example, 10.0.0.254\n"), "{said}");
    let command = said.lines().last().unwrap();
    assert_eq!(
        command,
        format!(
            "kubekv serve --tls-cert {} --tls-key {} --tls-client-ca {} --tls-client-auth required",
            made.path("server.crt"),
            made.path("server.key"),
            made.path("ca.crt")
        )
    );
    let said = made.make(&["node", "10.0.0.1"]);
    let command = said.lines().last().unwrap();
    for option in [
        "dockerd --cluster-advertise=10.0.0.1:2376 ",
        &format!("--cluster-store-opt=kv.cacertfile={} ", made.path("ca.crt")),
        &format!(
            "--cluster-store-opt=kv.certfile={} ",
            made.path("node-10.0.0.1.crt")
        ),
        &format!(
            "--cluster-store-opt=kv.keyfile={}",
            made.path("node-10.0.0.1.key")
        ),
    ] {
        assert!(command.contains(option), "{option} in {command}");
    }
}

#[test]
#[ignore = "needs openssl: tests/run"]
fn openssl_accepts_them() {
    let made = Made::authority();
    made.make(&["server", "kv.example", "10.0.0.254"]);
    made.make(&["node", "10.0.0.1"]);
    made.make(&["node", "10.0.0.2"]);
    made.make(&["revoke", &made.path("node-10.0.0.2.crt")]);
    let openssl = |words: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(words).current_dir(made.0.path());
        command.output().unwrap().status.success()
    };
    let verify = |words: &[&str]| {
        let strict = ["verify", "-x509_strict", "-CAfile", "ca.crt"];
        openssl(&[&strict[..], words].concat())
    };
    let server = ["-purpose", "sslserver"];
    let client = ["-purpose", "sslclient", "-crl_check", "-CRLfile", "ca.crl"];
    let by = |usage: &[&str], words: &[&str]| verify(&[usage, words].concat());
    assert!(by(
        &server,
        &["-verify_hostname", "kv.example", "server.crt"]
    ));
    assert!(by(&server, &["-verify_ip", "10.0.0.254", "server.crt"]));
    assert!(!by(&server, &["-verify_ip", "10.0.0.1", "server.crt"]));
    assert!(!by(&client, &["server.crt"]));
    assert!(by(
        &client,
        &["-verify_ip", "10.0.0.1", "node-10.0.0.1.crt"]
    ));
    assert!(!by(&server, &["node-10.0.0.1.crt"]));
    assert!(!by(&client, &["node-10.0.0.2.crt"]));
    assert!(openssl(&[
        "crl", "-in", "ca.crl", "-CAfile", "ca.crt", "-noout"
    ]));
}

#[test]
fn a_gateway_is_asked_over_tls() {
    let made = Made::authority();
    made.make(&["server", "127.0.0.1"]);
    made.make(&["client", "ops"]);
    let [ca, server, server_key] =
        ["ca.crt", "server.crt", "server.key"].map(|name| made.path(name));
    let tls = [
        "--tls-cert",
        &server,
        "--tls-key",
        &server_key,
        "--tls-client-ca",
        &ca,
    ];
    let gateway = Running::start_by(kubekv(), &[&["--store", "memory:"], &tls[..]].concat());
    let [own, own_key] = ["client-ops.crt", "client-ops.key"].map(|name| made.path(name));
    let (consul, admin) = (gateway.consul.to_string(), gateway.admin.to_string());
    let ask = |words: &[&str], shown: bool| {
        let trusted = ["--address", &consul, "--tls-ca", &ca];
        let shows = ["--tls-cert", &own, "--tls-key", &own_key];
        run(&[words, &trusted[..], if shown { &shows[..] } else { &[] }].concat())
    };
    assert_eq!(ask(&["put", "a", "v"], true).code, 0);
    assert_eq!(ask(&["get", "a"], true).text(), "v\n");
    let status = ask(&["status", "--admin", &admin], true);
    assert_eq!(status.code, 0, "{status:?}");
    // Neither without a certificate, nor by another authority, nor in plaintext.
    assert_ne!(ask(&["get", "a"], false).code, 0);
    let strangers = Made::authority();
    let stranger = strangers.path("ca.crt");
    assert_ne!(
        run(&["get", "a", "--address", &consul, "--tls-ca", &stranger]).code,
        0
    );
    assert_ne!(run(&["get", "a", "--address", &consul]).code, 0);
    let unclear = run(&["get", "a", "--address", &format!("https://{consul}")]);
    assert_eq!(unclear.code, 2, "{unclear:?}");
    assert!(unclear.err.contains("--tls-ca"), "{unclear:?}");
}
