//! A whole gateway whose faces speak TLS.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::authority::Authority;
use super::client::Client;
use super::harness::Files;
use crate::gateway::ready;
use crate::harness::{get_once, rest};

async fn metrics(admin: SocketAddr) -> String {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    let request = get_once("/metrics");
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

#[tokio::test]
async fn faces_speak_tls_but_for_those_where_it_is_off() {
    let nodes = Authority::new("nodes");
    let files = Files::new(&nodes.server()).requiring(&[&nodes]);
    let path = |name| files.path(name).display().to_string();
    let [cert, key, ca] = ["tls.crt", "tls.key", "ca.crt"].map(path);
    let gateway = ready(&[
        ("tls-cert", &cert),
        ("tls-key", &key),
        ("tls-client-ca", &ca),
        ("etcd-tls-client-auth", "optional"),
        ("admin-tls-cert", "off"),
        // Beyond loopback without --allow-plaintext.
        ("etcd", "0.0.0.0:0"),
    ])
    .await;
    let etcd = ([127, 0, 0, 1], gateway.etcd.port()).into();
    let named = Client::new(&nodes, Some(&nodes.client("me", 2)));
    let anonymous = Client::new(&nodes, None);
    let members = anonymous.get(etcd, "/v2/members").await.unwrap();
    assert!(
        members.contains(r#""clientURLs":["https://127.0.0.1"]"#),
        "{members}"
    );
    let leader = named
        .get(gateway.consul, "/v1/status/leader")
        .await
        .unwrap();
    assert!(leader.starts_with('"'), "{leader}");
    anonymous
        .get(gateway.consul, "/v1/status/leader")
        .await
        .unwrap_err();
    for line in [
        "kubekv_tls_handshakes_total{face=\"etcd\",outcome=\"full\"} 1",
        "kubekv_tls_handshakes_total{face=\"consul\",outcome=\"certificate_missing\"} 1",
        "kubekv_tls_certificate_expiry_timestamp_seconds{face=\"zookeeper\"} ",
    ] {
        while !metrics(gateway.admin).await.contains(line) {}
    }
}

#[tokio::test]
async fn certificates_and_refused_handshakes_are_in_the_audit_log() {
    let nodes = Authority::new("nodes");
    let files = Files::new(&nodes.server()).requiring(&[&nodes]);
    let path = |name| files.path(name).display().to_string();
    let [cert, key, ca, log] = ["tls.crt", "tls.key", "ca.crt", "audit.log"].map(path);
    let gateway = ready(&[
        ("tls-cert", &cert),
        ("tls-key", &key),
        ("tls-client-ca", &ca),
        ("audit", &log),
    ])
    .await;
    let named = Client::new(&nodes, Some(&nodes.client("me", 2)));
    let leader = "/v1/status/leader";
    named.get(gateway.consul, leader).await.unwrap();
    let anonymous = Client::new(&nodes, None);
    anonymous.get(gateway.consul, leader).await.unwrap_err();
    let lines = loop {
        let text = std::fs::read_to_string(&log).unwrap();
        if text.lines().count() == 2 && text.ends_with('\n') {
            break text;
        }
        tokio::task::yield_now().await;
    };
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let has = |event: &str, decision: &str, field: &str, words: &str| {
        let fits = |line: &&serde_json::Value| {
            line["event"] == event
                && line["decision"] == decision
                && line["face"] == "consul"
                && line[field].as_str().unwrap().contains(words)
        };
        assert_eq!(lines.iter().filter(fits).count(), 1, "{event}: {lines:?}");
    };
    has("login", "allowed", "proof", "certificate sha256:");
    has("login", "allowed", "proof", "cn:me");
    has("refusal", "refused", "why", "TLS handshake");
}
