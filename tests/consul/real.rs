//! kubekv and a real Consul 1.8.7 in server mode, asked the same: every answer that is not the same is one of the
//! table's differences.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::client::{Gateway, NODE};
use super::common;
use super::recorded;
use super::side::Side;
use super::table::{DIFFERENCES, sequences};

/// A real Consul on ports of its own, with an empty directory; it ends with the test.
pub struct Real {
    process: Child,
    pub address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Real {
    pub async fn start() -> Self {
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
        // The limits are kubekv's own, so that what is told of them can be compared.
        let config = format!(
            r#"{{"server":true,"bootstrap_expect":1,"bind_addr":"127.0.0.1","client_addr":"127.0.0.1","node_name":"{NODE}",
            "session_ttl_min":"100ms","limits":{{"kv_max_value_size":2097152,"txn_max_req_len":4194304}},
            "ports":{ports},"data_dir":"{}"}}"#,
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
                && common::request(http, "PUT", "/v1/kv/up", &[], b"")
                    .await
                    .status
                    == 200
                && common::request(http, "GET", "/v1/health/node/host", &[], b"")
                    .await
                    .body
                    .len()
                    > 9
            {
                common::request(http, "DELETE", "/v1/kv/up", &[], b"").await;
                return real;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("consul does not answer");
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "needs consul: tests/run"]
async fn kubekv_answers_as_consul_does() {
    let (gateway, real) = (Gateway::start().await, Real::start().await);
    let mut wrong = Vec::new();
    let mut differed = Vec::new();
    let mut record = String::new();
    for (number, (about, steps)) in sequences() {
        let mut own = Side::new(gateway.address);
        let mut theirs = Side::new(real.address);
        for step in *steps {
            let key = format!("s{number}");
            let seen = (own.step(&key, step).await, theirs.step(&key, step).await);
            record += &recorded::line(about, step, &seen.1);
            if seen.0 != seen.1 {
                differed.push(*step);
                if !DIFFERENCES.iter().any(|(known, _)| known == step) {
                    let (own, theirs) = seen;
                    wrong.push(format!(
                        "{about}: {step}\n  consul {theirs:?}\n  kubekv {own:?}"
                    ));
                }
            }
        }
    }
    let steps: usize = sequences().map(|(_, (_, steps))| steps.len()).sum();
    let known = differed.len() - wrong.len();
    println!(
        "{steps} steps, {known} known differences, {} others",
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let place = concat!(env!("CARGO_TARGET_TMPDIR"), "/recorded.txt");
    std::fs::write(place, &record).unwrap();
    assert!(
        record == recorded::RECORD,
        "Consul answers otherwise than was recorded; see {place}"
    );
    for (known, why) in DIFFERENCES {
        assert!(
            differed.contains(known),
            "no difference any more: {known} ({why})"
        );
    }
}
