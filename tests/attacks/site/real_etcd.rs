//! `RealEtcd`: etcd 3.4 with its API v2.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::RealRights;
use super::real_server::{RealServer, free};
use crate::client::{StoreClient, StoreRequest};
use crate::credentials::{AttackCredentials, Shown};
use crate::hands::StoreProtocol;
use crate::secrets::{ClientSecret, GIVEN};

/// An etcd; by its rights with users for its clients, and with TLS and certificates that are called as those.
#[derive(Debug)]
pub(super) struct RealEtcd {
    _server: RealServer,
    address: SocketAddr,
    _directory: TempDir,
}

impl RealEtcd {
    pub(super) fn start(credentials: &AttackCredentials, rights: RealRights, at: Ipv4Addr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (address, peer) = (free(at), format!("http://{}", free(Ipv4Addr::LOCALHOST)));
        let has_tls = rights == RealRights::Certificates;
        let scheme = if has_tls { "https" } else { "http" };
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
            if has_tls {
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
        if has_tls {
            root.tls = Some(credentials.tls(Shown::Operator));
        }
        let ready = StoreRequest::new("PUT", "/v2/keys/up?dir=true");
        server.until("etcd serves", || {
            root.ask(&ready).is_ok_and(|answer| answer.is_success())
        });
        let gone = root.ask(&StoreRequest::new("DELETE", "/v2/keys/up?dir=true"));
        assert!(gone.unwrap().is_success());
        if rights != RealRights::None {
            give_rights(&root, rights);
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

    /// Takes back what a user's password is good for.
    pub(super) fn revoke(&self, given: ClientSecret) {
        let mut operator = StoreClient::plain(self.address);
        let [.., ops] = GIVEN;
        operator.headers = ops.headers(StoreProtocol::Etcd);
        let target = format!("/v2/auth/users/{}", given.name);
        let answer = operator.ask(&StoreRequest::new("DELETE", target)).unwrap();
        assert!(answer.is_success(), "{}", answer.text());
    }
}

/// A role for each host, as fine as patterns of keys can make it, and nothing for guests.
fn give_rights(root: &StoreClient, rights: RealRights) {
    put(
        root,
        "users/root",
        &json!({"user": "root", "password": "not used"}),
    );
    for given in GIVEN {
        if let Some(host) = given.host() {
            let own = format!("/docker/nodes/{host}:2376");
            let kv =
                json!({"read": ["/docker*"], "write": ["/docker/network*", "/docker/nodes", own]});
            let role = json!({"role": host, "permissions": {"kv": kv}});
            put(root, &format!("roles/{host}"), &role);
        }
        let role = given.host().unwrap_or("root");
        // By the common name of its certificate, or by its password, for which etcd takes 0.1 s.
        let name = match rights {
            RealRights::Certificates => given.host().unwrap_or(given.name),
            RealRights::Secrets | RealRights::None => given.name,
        };
        let user = json!({"user": name, "password": given.secret, "roles": [role]});
        put(root, &format!("users/{name}"), &user);
    }
    put(root, "enable", &json!({}));
    let mut root = root.clone();
    let [.., operator] = GIVEN;
    root.headers = operator.headers(StoreProtocol::Etcd);
    let request = StoreRequest::new("DELETE", "/v2/auth/roles/guest");
    let answer = root.ask(&request).unwrap();
    assert!(answer.is_success(), "guests: {}", answer.text());
}

fn put(root: &StoreClient, path: &str, body: &Value) {
    let request = StoreRequest::new("PUT", format!("/v2/auth/{path}"))
        .header("Content-Type", "application/json")
        .body(body.to_string());
    let answer = root.ask(&request).unwrap();
    assert!(answer.is_success(), "{path}: {}", answer.text());
}
