//! A real Consul to compare with.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::http_client::request;

/// The name of its node.
pub const NODE: &str = "host";

/// A real Consul on ports of its own, with an empty directory; it ends with the test.
pub struct Real {
    process: Child,
    pub address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Real {
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// One that, with a token, refuses whoever does not send it.
    pub async fn start_with(token: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let free = || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let [http, server, serf] = [free(), free(), free()];
        let ports = format!(
            r#"{{"http":{},"server":{},"serf_lan":{},"serf_wan":-1,"dns":-1,"grpc":-1}}"#,
            http.port(),
            server.port(),
            serf.port()
        );
        // The limits are kubekv's own, so that error texts about them can be compared.
        let acl = token.map_or(String::new(), |token| {
            format!(r#""acl":{{"enabled":true,"default_policy":"deny","tokens":{{"master":"{token}"}}}},"#)
        });
        let headers: Vec<_> = token
            .map(|token| ("X-Consul-Token", token))
            .into_iter()
            .collect();
        let config = format!(
            r#"{{"server":true,"bootstrap_expect":1,"bind_addr":"127.0.0.1","client_addr":"127.0.0.1","node_name":"{NODE}",
            "session_ttl_min":"100ms","limits":{{"kv_max_value_size":2097152,"txn_max_req_len":4194304}},
            {acl}"ports":{ports},"data_dir":"{}"}}"#,
            directory.path().join("data").display()
        );
        let file = directory.path().join("config.json");
        std::fs::write(&file, config).unwrap();
        let process = Command::new("consul")
            .arg("agent")
            .arg("-config-file")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("needs consul 1.8 in PATH");
        let real = Self {
            process,
            address: http,
            _directory: directory,
        };
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(http).await.is_ok()
                && request(http, "PUT", "/v1/kv/up", &headers, b"")
                    .await
                    .status
                    == 200
                && request(http, "GET", "/v1/health/node/host", &headers, b"")
                    .await
                    .body
                    .len()
                    > 9
            {
                request(http, "DELETE", "/v1/kv/up", &headers, b"").await;
                return real;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("consul does not answer");
    }

    /// True once it has ended: some requests crash a Consul.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}
