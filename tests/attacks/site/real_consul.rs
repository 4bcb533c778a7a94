//! `RealConsul`: Consul 1.8.7.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::real_server::{RealServer, free};
use crate::client::{StoreClient, StoreRequest};
use crate::credentials::{AttackCredentials, Shown};
use crate::records::{ATTACKER, VICTIM};

const MASTER: &str = "11111111-0000-4000-8000-000000000001";
const TOKENS: [(&str, &str); 2] = [
    (ATTACKER, "11111111-0000-4000-8000-00000000000a"),
    (VICTIM, "11111111-0000-4000-8000-00000000000b"),
];

/// A Consul; secured, with TLS, certificates of clients and a token for each.
#[derive(Debug)]
pub(super) struct RealConsul {
    _server: RealServer,
    address: SocketAddr,
    secured: bool,
    _directory: TempDir,
}

impl RealConsul {
    pub(super) fn start(credentials: &AttackCredentials, secured: bool, at: Ipv4Addr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = free(at);
        let [http, https] = if secured {
            [json!(-1), json!(address.port())]
        } else {
            [json!(address.port()), json!(-1)]
        };
        let mut config = json!({
            "server": true, "bootstrap_expect": 1, "data_dir": directory.path().join("data"),
            "bind_addr": "127.0.0.1", "client_addr": at, "node_name": "host", "log_level": "ERR",
            "disable_update_check": true, "performance": {"raft_multiplier": 1},
            "ports": {"http": http, "https": https, "server": free(Ipv4Addr::LOCALHOST).port(),
                "serf_lan": free(Ipv4Addr::LOCALHOST).port(), "serf_wan": -1, "dns": -1, "grpc": -1},
        });
        if secured {
            config["acl"] =
                json!({"enabled": true, "default_policy": "deny", "tokens": {"master": MASTER}});
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
        if secured {
            operator.tls = Some(credentials.tls(Shown::Operator));
            operator.headers = token(MASTER);
        }
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
        if secured {
            give_rights(&operator);
        }
        Self {
            _server: server,
            address,
            secured,
            _directory: directory,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client sends with each request.
    pub(super) fn token_of(&self, shown: Shown) -> Vec<(String, String)> {
        let [(_, attacker), (_, victim)] = TOKENS;
        match shown {
            _ if !self.secured => Vec::new(),
            Shown::Nothing | Shown::Forged => Vec::new(),
            Shown::Stolen => token(attacker),
            Shown::Victim => token(victim),
            Shown::Operator => token(MASTER),
        }
    }
}

fn token(secret: &str) -> Vec<(String, String)> {
    vec![("X-Consul-Token".to_owned(), secret.to_owned())]
}

/// A token for each host, with a policy as fine as prefixes of keys can make it.
fn give_rights(operator: &StoreClient) {
    let put = |path: &str, body: Value| {
        let request = StoreRequest::new("PUT", format!("/v1/acl/{path}")).body(body.to_string());
        let answer = operator.ask(&request).unwrap();
        assert!(answer.is_success(), "{path}: {}", answer.text());
    };
    for (host, secret) in TOKENS {
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
            json!({"SecretID": secret, "Policies": [{"Name": name}]}),
        );
    }
}
