//! Clients over TLS of two gateways on one prefix.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use support::certificates::certificates;
use support::etcd_member::Member;
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

fn gateway(at: &Path, store: &str, name: &str) -> Running {
    let path = |name: &str| at.join(name).display().to_string();
    let [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map(path);
    let tls = [
        "--tls-cert",
        &cert,
        "--tls-key",
        &key,
        "--tls-client-ca",
        &ca,
    ];
    let more = ["--admin-tls-cert", "off", "--relay", "127.0.0.1:0"];
    let long = ["--lead-duration", "300"];
    start(store, name, &[&tls[..], &more, &long].concat())
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
