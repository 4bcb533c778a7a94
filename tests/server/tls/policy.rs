//! A whole gateway with a policy, whose clients show certificates and whose file changes.

use std::net::SocketAddr;

use kubekv::gateway::{Listeners, run_with_stages};
use prometheus_client::registry::Registry;
use support::policy_text::PolicyText;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::authority::Authority;
use super::client::{Client, get};
use super::harness::Files;
use crate::gateway::{Running, config_with, ready};
use crate::harness::{get_once, rest};

/// Each certificate names its client, and the operator may do everything.
fn head() -> PolicyText {
    let head = PolicyText::default().identity("CN=nodes", "cn", "{name}", "{name}");
    head.role("admins", "ops", "admin")
}

const ME: &str = r#"
[[rule]]
name = "mine"
identities = ["me"]
allow = ["read", "list", "watch"]
beneath = ["mine"]
sessions = "own"
"#;

async fn metrics(admin: SocketAddr) -> String {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    let request = get_once("/metrics");
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

pub(super) struct Secured {
    pub(super) gateway: Running,
    files: Files,
    pub(super) ops: Client,
    pub(super) me: Client,
    pub(super) anonymous: Client,
}

pub(super) async fn secured(options: &[(&'static str, &str)]) -> Secured {
    let nodes = Authority::new("nodes");
    let files = Files::new(&nodes.server()).requiring(&[&nodes]);
    files.write("policy.toml", head().with(ME).to_string());
    let path = |name| files.path(name).display().to_string();
    let [cert, key, ca, policy] = ["tls.crt", "tls.key", "ca.crt", "policy.toml"].map(path);
    let mut all = vec![
        ("tls-cert", cert.as_str()),
        ("tls-key", &key),
        ("tls-client-ca", &ca),
        ("tls-client-auth", "optional"),
        ("admin-tls-cert", "off"),
        ("policy", &policy),
    ];
    all.extend(options);
    let gateway = ready(&all).await;
    Secured {
        ops: Client::new(&nodes, Some(&nodes.client("ops", 2))),
        me: Client::new(&nodes, Some(&nodes.client("me", 3))),
        anonymous: Client::new(&nodes, None),
        gateway,
        files,
    }
}

impl Secured {
    /// A key's value over Consul's face, or the refusal.
    pub(super) async fn read(&self, client: &Client, key: &str) -> String {
        let path = format!("/v1/kv/{key}?raw");
        client.get(self.gateway.consul, &path).await.unwrap()
    }

    pub(super) async fn set(&self, key: &str, value: &str) {
        let mut stream = self.ops.connect(self.gateway.consul).await.unwrap();
        let request = format!(
            "PUT /v1/kv/{key} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{value}",
            value.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    }

    /// Replaces the policy: its rules beside that of the operator.
    pub(super) fn set_rules(&self, rules: &str) {
        self.files
            .write("policy.toml", head().with(rules).to_string());
    }

    pub(super) async fn until_metric(&self, line: &str) {
        while !metrics(self.gateway.admin).await.contains(line) {
            tokio::task::yield_now().await;
        }
    }
}

const DENIED: &str = "Permission denied";

#[tokio::test]
async fn each_client_may_what_the_policy_says_of_its_certificate() {
    let all = secured(&[]).await;
    all.set("mine", "1").await;
    all.set("other", "2").await;
    assert_eq!(all.read(&all.ops, "other").await, "2");
    assert_eq!(all.read(&all.me, "mine").await, "1");
    assert_eq!(all.read(&all.me, "other").await, DENIED);
    assert_eq!(all.read(&all.me, "none").await, DENIED);
    assert_eq!(all.read(&all.anonymous, "mine").await, DENIED);
    let etcd = all.gateway.etcd;
    let refused = all.me.get(etcd, "/v2/keys/other").await.unwrap();
    assert!(refused.contains(r#""errorCode":110"#), "{refused}");
    let mine = all.me.get(etcd, "/v2/keys/mine").await.unwrap();
    assert!(mine.contains(r#""value":"1""#), "{mine}");
    let line = "kubekv_policy_refusals_total{mode=\"enforce\",verb=\"read\"} 4";
    all.until_metric(line).await;
}

#[tokio::test]
async fn a_changed_file_is_in_force_for_kept_connections_and_parked_queries() {
    let all = secured(&[]).await;
    all.set("mine", "1").await;
    let consul = all.gateway.consul;
    let mut kept = all.me.connect(consul).await.unwrap();
    assert_eq!(get(&mut kept, "/v1/kv/mine?raw").await.unwrap(), "1");
    let parked = {
        let me = all.me.clone();
        // An index that does not come for long.
        let path = "/v1/kv/mine?raw&index=2&wait=5m";
        tokio::spawn(async move { me.get(consul, path).await.unwrap() })
    };
    all.until_metric("kubekv_space_watches 1").await;
    all.files.write("policy.toml", head().to_string());
    assert_eq!(parked.await.unwrap(), DENIED);
    assert_eq!(get(&mut kept, "/v1/kv/mine?raw").await.unwrap(), DENIED);
    assert_eq!(all.read(&all.ops, "mine").await, "1");
    // And back.
    all.files.write("policy.toml", head().with(ME).to_string());
    while get(&mut kept, "/v1/kv/mine?raw").await.unwrap() != "1" {}
}

#[tokio::test]
async fn a_bad_file_leaves_the_last_good_policy_in_force() {
    let all = secured(&[]).await;
    all.set("mine", "1").await;
    for (failures, bad) in (1..).zip(["", "[[rule]]", "no toml"]) {
        // An empty policy is one that allows nothing, so it is no bad one.
        let bad = if bad.is_empty() { "[[rule]" } else { bad };
        all.files.write("policy.toml", bad);
        let line = format!("kubekv_policy_loads_total{{outcome=\"failed\"}} {failures}");
        all.until_metric(&line).await;
        assert_eq!(all.read(&all.me, "mine").await, "1");
        assert_eq!(all.read(&all.me, "other").await, DENIED);
    }
    std::fs::remove_file(all.files.path("policy.toml")).unwrap();
    all.until_metric("kubekv_policy_loads_total{outcome=\"failed\"} 4")
        .await;
    assert_eq!(all.read(&all.me, "mine").await, "1");
    all.files.write("policy.toml", head().to_string());
    while all.read(&all.me, "mine").await != DENIED {}
}

#[tokio::test]
async fn in_mode_warn_everything_is_answered() {
    let all = secured(&[("policy-mode", "warn")]).await;
    all.set("other", "2").await;
    assert_eq!(all.read(&all.me, "other").await, "2");
    assert_eq!(all.read(&all.anonymous, "other").await, "2");
    all.until_metric("kubekv_policy_refusals_total{mode=\"warn\",verb=\"read\"} 2")
        .await;
}

#[tokio::test]
async fn no_gateway_starts_without_a_good_policy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.toml");
    let name = path.display().to_string();
    for text in [None, Some("[[rule]]\n")] {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let config = config_with("memory:", &[("policy", &name)]);
        let listeners = Listeners::bind(&config.listen).unwrap();
        let never = std::future::pending();
        let registry = Registry::with_prefix("kubekv");
        let ended = run_with_stages(config, listeners, registry, never, |_| ()).await;
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(&name), "{error}");
    }
}
