//! A whole gateway with credentials, whose file changes.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use kubekv::guard::credentials::{CredentialText, NewToken};
use support::policy_text::PolicyText;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::{Running, ready};
use crate::harness::{get_once, rest};

/// Whoever has a token may do everything.
fn policy() -> PolicyText {
    let head = PolicyText::default().identity("credentials", "token", "{name}", "{name}");
    head.role("all", "*", "admin")
}

struct Credentialed {
    gateway: Running,
    directory: TempDir,
}

/// A file with one token, which everybody has who has this secret.
fn one(secret: &str) -> String {
    let token = NewToken {
        accessor: "0f2a1b3c-0000-4000-8000-000000000001",
        name: "me",
        secret,
        expires: None,
        description: None,
    };
    let empty = CredentialText::parse(String::new()).unwrap();
    empty.with_token(&token).unwrap().as_str().to_owned()
}

impl Credentialed {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("policy.toml"), policy().to_string()).unwrap();
        write(&directory, &one("first"), 0o600);
        let path = |name| directory.path().join(name).display().to_string();
        let (policy, credentials) = (path("policy.toml"), path("credentials.toml"));
        let options = [("policy", policy.as_str()), ("credentials", &credentials)];
        Self {
            gateway: ready(&options).await,
            directory,
        }
    }

    async fn status(&self, secret: &str) -> u16 {
        let mut stream = TcpStream::connect(self.gateway.consul).await.unwrap();
        get(&mut stream, secret, "close").await;
        let answer = rest(&mut stream).await;
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    async fn until_metric(&self, line: &str) {
        until(line, async || {
            metrics(self.gateway.admin).await.contains(line)
        })
        .await;
    }
}

/// The longest wait for a condition.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waits = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waits).await;
    assert!(waited.is_ok(), "never: {what}");
}

async fn metrics(admin: SocketAddr) -> String {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    stream
        .write_all(get_once("/metrics").as_bytes())
        .await
        .unwrap();
    rest(&mut stream).await
}

/// Replaces the file in one step.
fn write(directory: &TempDir, text: &str, mode: u32) -> PathBuf {
    let (fresh, path) = (
        directory.path().join("fresh"),
        directory.path().join("credentials.toml"),
    );
    std::fs::write(&fresh, text).unwrap();
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::rename(&fresh, &path).unwrap();
    path
}

async fn get(stream: &mut TcpStream, secret: &str, connection: &str) {
    let request = format!(
        "GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\nX-Consul-Token: {secret}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_changed_file_is_in_force_for_kept_connections() {
    let all = Credentialed::start().await;
    let mut kept = TcpStream::connect(all.gateway.consul).await.unwrap();
    let mut part = [0; 4096];
    let mut status = async |stream: &mut TcpStream| {
        get(stream, "first", "keep-alive").await;
        // Small enough to come in one piece.
        let read = stream.read(&mut part).await.unwrap();
        let answer = String::from_utf8_lossy(&part[..read]).into_owned();
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    assert_eq!(status(&mut kept).await, 404);
    assert_eq!(all.status("second").await, 403);
    write(&all.directory, &one("second"), 0o640);
    until("it is refused", async || status(&mut kept).await == 403).await;
    assert_eq!(all.status("second").await, 404);
    all.until_metric("kubekv_credentials_loads_total{outcome=\"ok\"} 2")
        .await;
    all.until_metric("kubekv_credentials_entries{kind=\"token\"} 1")
        .await;
}

#[tokio::test]
async fn a_bad_file_leaves_the_last_good_credentials_in_force() {
    let all = Credentialed::start().await;
    let path = all.directory.path().join("credentials.toml");
    for (failures, (text, mode)) in (1..).zip([
        ("[[token]]".to_owned(), 0o600),
        ("no toml".to_owned(), 0o600),
        // A good one that everybody may read.
        (one("second"), 0o644),
        (one("second"), 0o602),
    ]) {
        write(&all.directory, &text, mode);
        let line = format!("kubekv_credentials_loads_total{{outcome=\"failed\"}} {failures}");
        all.until_metric(&line).await;
        all.until_metric("kubekv_credentials_file_usable 0").await;
        assert_eq!(
            (all.status("first").await, all.status("second").await),
            (404, 403)
        );
    }
    std::fs::remove_file(&path).unwrap();
    all.until_metric("kubekv_credentials_loads_total{outcome=\"failed\"} 5")
        .await;
    assert_eq!(all.status("first").await, 404);
    write(&all.directory, &one("second"), 0o600);
    until("the next is in force", async || {
        all.status("second").await == 404
    })
    .await;
    assert_eq!(all.status("first").await, 403);
    all.until_metric("kubekv_credentials_file_usable 1").await;
}

#[tokio::test]
async fn what_is_not_known_is_counted() {
    let all = Credentialed::start().await;
    assert_eq!(all.status("other").await, 403);
    all.until_metric("kubekv_credentials_refusals_total{kind=\"token\",reason=\"unknown\"} 1")
        .await;
}
