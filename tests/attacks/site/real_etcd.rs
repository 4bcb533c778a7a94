//! `RealEtcd`: etcd 3.4 with its API v2.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::real_server::{RealServer, free};
use crate::client::{StoreClient, StoreRequest};
use crate::credentials::{AttackCredentials, Shown};
use crate::records::{ATTACKER, VICTIM};

/// An etcd; secured, with TLS, certificates of clients and users that are called as those.
#[derive(Debug)]
pub(super) struct RealEtcd {
    _server: RealServer,
    address: SocketAddr,
    _directory: TempDir,
}

impl RealEtcd {
    pub(super) fn start(credentials: &AttackCredentials, secured: bool, at: Ipv4Addr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (address, peer) = (free(at), format!("http://{}", free(Ipv4Addr::LOCALHOST)));
        let scheme = if secured { "https" } else { "http" };
        let client = format!("{scheme}://{address}");
        let mut server = RealServer::start("etcd", |command| {
            command
                .args(["--enable-v2", "--log-level=error"])
                .arg("--data-dir")
                .arg(directory.path())
                .args(["--listen-client-urls", &client])
                .args(["--advertise-client-urls", &client])
                .args(["--listen-peer-urls", &peer])
                .args(["--initial-advertise-peer-urls", &peer])
                .args(["--initial-cluster", &format!("default={peer}")]);
            if secured {
                let of =
                    |option: &str, name: &str| format!("--{option}={}", credentials.text(name));
                command.args([
                    "--client-cert-auth".to_owned(),
                    of("trusted-ca-file", "ca.crt"),
                    of("cert-file", "server.crt"),
                    of("key-file", "server.key"),
                ]);
            }
        });
        let mut root = StoreClient::plain(address);
        if secured {
            root.tls = Some(credentials.tls(Shown::Operator));
        }
        let ready = StoreRequest::new("PUT", "/v2/keys/up?dir=true");
        server.until("etcd serves", || {
            root.ask(&ready).is_ok_and(|answer| answer.is_success())
        });
        let gone = root.ask(&StoreRequest::new("DELETE", "/v2/keys/up?dir=true"));
        assert!(gone.unwrap().is_success());
        if secured {
            give_rights(&root);
        }
        Self {
            _server: server,
            address,
            _directory: directory,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A role for each host, as fine as patterns of keys can make it, and nothing for guests.
fn give_rights(root: &StoreClient) {
    let put = |path: &str, body: Value| {
        let request = StoreRequest::new("PUT", format!("/v2/auth/{path}"))
            .header("Content-Type", "application/json")
            .body(body.to_string());
        let answer = root.ask(&request).unwrap();
        assert!(answer.is_success(), "{path}: {}", answer.text());
    };
    put(
        "users/root",
        json!({"user": "root", "password": "not used"}),
    );
    for host in [ATTACKER, VICTIM] {
        let own = format!("/docker/nodes/{host}:2376");
        let kv = json!({"read": ["/docker*"], "write": ["/docker/network*", "/docker/nodes", own]});
        let role = json!({"role": host, "permissions": {"kv": kv}});
        put(&format!("roles/{host}"), role);
        let user = json!({"user": host, "password": "not used", "roles": [host]});
        put(&format!("users/{host}"), user);
    }
    // By its certificate, too: etcd takes 0.1 s for a password.
    let operator = json!({"user": "ops", "password": "not used", "roles": ["root"]});
    put("users/ops", operator);
    put("enable", json!({}));
    let request = StoreRequest::new("DELETE", "/v2/auth/roles/guest");
    let answer = root.ask(&request).unwrap();
    assert!(answer.is_success(), "guests: {}", answer.text());
}
