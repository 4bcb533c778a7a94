//! Clients over TLS of two gateways on one prefix.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use support::certificates::{certificates, server_files};
use support::etcd_member::Member;
use support::policy_text::PolicyText;
use support::running::Running;

use crate::gateway::{metric, start, state, until, until_ready};

/// What curl is answered, or the error it shows.
fn curl(at: &Path, to: SocketAddr, path: &str, more: &[&str]) -> Result<String, String> {
    let output = Command::new("curl")
        .current_dir(at)
        .args(["--silent", "--show-error", "--cacert", "ca.pem"])
        .args(more)
        .arg(format!("https://{to}{path}"))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

const OURS: [&str; 4] = ["--cert", "ours.pem", "--key", "ours.key"];
const THEIRS: [&str; 4] = ["--cert", "theirs.pem", "--key", "theirs.key"];

fn gateway(at: &Path, store: &str, name: &str) -> Running {
    gateway_for(at, store, name, &["--lead-duration", "300"])
}

fn gateway_for(at: &Path, store: &str, name: &str, own: &[&str]) -> Running {
    let [cert, key, ca] = server_files(at);
    let tls = [
        "--tls-cert",
        &cert,
        "--tls-key",
        &key,
        "--tls-client-ca",
        &ca,
    ];
    let more = ["--admin-tls-cert", "off", "--relay", "127.0.0.1:0"];
    start(store, name, &[&tls[..], &more, own].concat())
}

#[test]
#[ignore = "needs etcd, openssl and curl: tests/run"]
fn a_standby_relays_tls_unread_and_speaks_it_itself_where_nobody_leads() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    certificates(at, "ca", &["server", "ours"]);
    let member = Member::start("etcd-3.6");
    let store = member.store("p");
    let first = gateway(at, &store, "first");
    until_ready(&first);
    let second = gateway(at, &store, "second");
    until("relaying", || state(&second) == "relaying");
    let write = ["--request", "PUT", "--data", "value=v"];
    let write = [&OURS[..], &write].concat();
    let written = curl(at, second.etcd, "/v2/keys/k", &write).unwrap();
    assert!(written.contains(r#""action":"set""#), "{written}");
    let raw = curl(at, first.consul, "/v1/kv/k?raw", &OURS).unwrap();
    assert_eq!(raw, "v");
    let members = curl(at, second.etcd, "/v2/members", &OURS).unwrap();
    let own = format!("https://{}", second.etcd);
    assert!(members.contains(&own), "{members}");
    let refused = curl(at, second.etcd, "/v2/keys/k", &[]).unwrap_err();
    assert!(refused.contains("certificate required"), "{refused}");
    let full = "kubekv_tls_handshakes_total{face=\"etcd\",outcome=\"full\"}";
    assert_eq!((metric(&first, full), metric(&second, full)), (2, 0));
    // Only the kernel accepts its connections.
    first.signal(Signal::STOP);
    let unable = curl(at, second.etcd, "/v2/keys/k", &write).unwrap();
    assert!(unable.contains(r#""errorCode":300"#), "{unable}");
    assert_eq!(metric(&second, full), 1);
    first.signal(Signal::CONT);
    assert_eq!(second.stop().code, 0);
    assert_eq!(first.stop().code, 0);
}

/// Each client may do this beneath the name in its certificate.
fn policy(verb: &str) -> String {
    let head = PolicyText::default().identity("CN=ca", "cn", "{name}", "user/{name}");
    let own = format!("allow = [\"{verb}\"]\nbeneath = [\"{{name}}\"]");
    head.rule("own", "user/{name}", &own).to_string()
}

/// Two gateways over TLS with this policy and an audit log each, and what their clients have.
struct Judged {
    first: Running,
    second: Running,
    directory: tempfile::TempDir,
    _member: Member,
}

impl Judged {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        certificates(at, "ca", &["server", "ours", "theirs"]);
        std::fs::write(at.join("policy.toml"), policy("all")).unwrap();
        let member = Member::start("etcd-3.6");
        let store = member.store("p");
        let begin = |name: &str| {
            let own = |what: &str, file: &str| format!("--{what}={}", at.join(file).display());
            let policy = own("policy", "policy.toml");
            let audit = own("audit", &format!("{name}.log"));
            let own = [policy.as_str(), audit.as_str(), "--audit-reads"];
            gateway_for(at, &store, name, &own)
        };
        let first = begin("first");
        until_ready(&first);
        let second = begin("second");
        until("relaying", || state(&second) == "relaying");
        Self {
            first,
            second,
            directory,
            _member: member,
        }
    }

    /// Writes by way of the second gateway; what it answers.
    fn put(&self, who: &[&str], key: &str) -> String {
        let write = ["--request", "PUT", "--data", "v"];
        let (path, more) = (format!("/v1/kv/{key}"), [who, &write].concat());
        let said = curl(self.directory.path(), self.second.consul, &path, &more);
        said.unwrap().trim_end().to_owned()
    }

    fn read(&self, who: &[&str], key: &str) -> String {
        let path = format!("/v2/keys/{key}");
        curl(self.directory.path(), self.second.etcd, &path, who).unwrap()
    }

    /// How many lines of a gateway's audit log have this decision on a client, by the client's own address.
    fn told(&self, gateway: &str, who: &str, decision: &str) -> usize {
        let log = self.directory.path().join(format!("{gateway}.log"));
        let log = std::fs::read_to_string(log).unwrap();
        let lines = log.lines().filter(|line| {
            line.contains(&format!(r#""identity":"user/{who}""#))
                && line.contains(&format!(r#""decision":"{decision}""#))
                && line.contains(r#""address":"127.0.0.1:"#)
        });
        lines.count()
    }
}

#[test]
#[ignore = "needs etcd, openssl and curl: tests/run"]
fn a_client_of_a_standby_is_judged_by_its_own_certificate() {
    let all = Judged::start();
    let refused = "Permission denied";
    assert_eq!(all.put(&OURS, "ours/k"), "true");
    assert_eq!(all.put(&OURS, "theirs/k"), refused);
    assert_eq!(all.put(&THEIRS, "theirs/k"), "true");
    assert_eq!(all.put(&THEIRS, "ours/k"), refused);
    assert!(all.read(&OURS, "ours/k").contains(r#""value":"v""#));
    assert!(all.read(&OURS, "theirs/k").contains(r#""errorCode":110"#));
    // The leader decides, and says so of the client and not of the standby.
    until("the leader has told of all", || {
        all.told("first", "ours", "refused") >= 2 && all.told("first", "theirs", "refused") >= 1
    });
    assert!(all.told("first", "theirs", "allowed") >= 1);
    let by_standby = ["ours", "theirs"].map(|who| all.told("second", who, "refused"));
    assert_eq!(by_standby, [0, 0]);
    // A changed policy is in force for clients of the standby, whichever of both leads.
    std::fs::write(all.directory.path().join("policy.toml"), policy("read")).unwrap();
    until("the new policy is in force", || {
        all.put(&OURS, "ours/k") == refused
    });
    all.first.signal(Signal::KILL);
    until_ready(&all.second);
    assert_eq!(all.put(&OURS, "ours/k"), refused);
    assert_eq!(all.put(&THEIRS, "ours/k"), refused);
    assert!(all.read(&OURS, "ours/k").contains(r#""value":"v""#));
    assert_eq!(all.second.stop().code, 0);
}
