//! A real etcd to compare with.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A real etcd on ports of its own, with an empty directory; it ends with the test.
pub struct Etcd {
    process: Child,
    pub address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Etcd {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let free = || {
            TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
        };
        let (address, peer) = (free(), format!("http://{}", free()));
        let client = format!("http://{address}");
        let process = Command::new("etcd")
            .arg("--enable-v2")
            .arg("--data-dir")
            .arg(directory.path())
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .args(["--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("needs etcd 3.4 in PATH");
        let etcd = Self {
            process,
            address,
            _directory: directory,
        };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(address).await.is_ok()
                && crate::http_client::request(address, "GET", "/health", &[], b"")
                    .await
                    .status
                    == 200
            {
                return etcd;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("etcd does not answer");
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}
