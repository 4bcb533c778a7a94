//! `RealConsul`: Consul 1.8.7.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::RealRights;
use super::real_server::{RealServer, free};
use crate::client::{StoreClient, StoreRequest};
use crate::credentials::{AttackCredentials, Shown};
use crate::hands::StoreProtocol;
use crate::secrets::{ClientSecret, GIVEN};

/// A Consul, by its rights with a token for each client, and with TLS and certificates of clients.
#[derive(Debug)]
pub(super) struct RealConsul {
    _server: RealServer,
    address: SocketAddr,
    rights: RealRights,
    _directory: TempDir,
}

impl RealConsul {
    pub(super) fn start(credentials: &AttackCredentials, rights: RealRights, at: Ipv4Addr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = free(at);
        let has_tls = rights == RealRights::Certificates;
        let [http, https] = if has_tls {
            [json!(-1), json!(address.port())]
        } else {
            [json!(address.port()), json!(-1)]
        };
        let mut config = json!({
            "server": true, "bootstrap_expect": 1, "data_dir": directory.path().join("data"),
            "bind_addr": at, "client_addr": at, "node_name": "host", "log_level": "ERR",
            "disable_update_check": true, "performance": {"raft_multiplier": 1},
            "ports": {"http": http, "https": https, "server": free(Ipv4Addr::LOCALHOST).port(),
                "serf_lan": free(Ipv4Addr::LOCALHOST).port(), "serf_wan": -1, "dns": -1, "grpc": -1},
        });
        let [.., master] = GIVEN;
        if rights != RealRights::None {
            let tokens = json!({"master": master.secret});
            config["acl"] = json!({"enabled": true, "default_policy": "deny", "tokens": tokens});
        }
        if has_tls {
            config["verify_incoming_https"] = json!(true);
            for (option, name) in [
                ("ca_file", "ca.crt"),
                ("cert_file", "server.crt"),
                ("key_file", "server.key"),
            ] {
                config[option] = json!(credentials.text(name));
            }
        }
        let file = directory.path().join("consul.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut server = RealServer::start("consul", |command| {
            command.args(["agent", "-config-file"]).arg(&file);
        });
        let mut operator = StoreClient::plain(address);
        if has_tls {
            operator.tls = Some(credentials.tls(Shown::Operator));
        }
        operator.headers = master.headers(StoreProtocol::Consul);
        let ready = StoreRequest::new("PUT", "/v1/kv/up").body("1");
        let session = StoreRequest::new("PUT", "/v1/session/create");
        let is_done = |request| {
            operator
                .ask(request)
                .is_ok_and(|answer| answer.is_success())
        };
        // Sessions need the node, which comes a moment later.
        server.until("Consul serves", || is_done(&ready) && is_done(&session));
        assert!(is_done(&StoreRequest::new("DELETE", "/v1/kv/up")));
        if rights != RealRights::None {
            give_rights(&operator);
        }
        Self {
            _server: server,
            address,
            rights,
            _directory: directory,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes back what a host's token is good for.
    pub(super) fn revoke(&self, credentials: &AttackCredentials, given: ClientSecret) {
        let mut operator = StoreClient::plain(self.address);
        if self.rights == RealRights::Certificates {
            operator.tls = Some(credentials.tls(Shown::Operator));
        }
        let [.., master] = GIVEN;
        operator.headers = master.headers(StoreProtocol::Consul);
        let target = format!("/v1/acl/token/{}", accessor(given));
        let answer = operator.ask(&StoreRequest::new("DELETE", target)).unwrap();
        assert!(answer.is_success(), "{}", answer.text());
    }
}

fn accessor(given: ClientSecret) -> String {
    given.secret.replace("-0000-", "-aaaa-")
}

/// A token for each host, with a policy as fine as prefixes of keys can make it.
fn give_rights(operator: &StoreClient) {
    let put = |path: &str, body: Value| {
        let request = StoreRequest::new("PUT", format!("/v1/acl/{path}")).body(body.to_string());
        let answer = operator.ask(&request).unwrap();
        assert!(answer.is_success(), "{path}: {}", answer.text());
    };
    for given in GIVEN {
        let Some(host) = given.host() else { continue };
        let rules = format!(
            r#"key_prefix "docker/nodes" {{ policy = "read" }}
            key_prefix "docker/network/" {{ policy = "write" }}
            key "docker/nodes/{host}:2376" {{ policy = "write" }}
            session_prefix "" {{ policy = "write" }}"#
        );
        let name = host.replace('.', "-");
        put("policy", json!({"Name": name, "Rules": rules}));
        put(
            "token",
            json!({"AccessorID": accessor(given), "SecretID": given.secret,
                "Policies": [{"Name": name}]}),
        );
    }
}
