//! A server that speaks ZooKeeper's protocol: kubekv, or a real one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::command::binary;
use support::etcd_member::free;

/// A server's program, as `tests/servers/run-zookeeper` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerProgram {
    Kubekv,
    ZooKeeper(&'static str),
}

impl ServerProgram {
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Kubekv => binary(),
            Self::ZooKeeper(version) => version,
        }
    }
}

/// A server in a directory of its own; it ends with the test.
pub(crate) struct ZooKeeperServer {
    process: Child,
    pub(crate) address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl ZooKeeperServer {
    /// Starts one, and waits until it serves.
    pub(crate) fn start(program: ServerProgram) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = free();
        let process = Command::new("tests/servers/run-zookeeper")
            .args([program.argument(), &address.to_string()])
            .arg(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            address,
            _directory: directory,
        };
        for _ in 0..2_400 {
            if server
                .srvr()
                .is_ok_and(|says| says.starts_with("Zookeeper version"))
            {
                return server;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("{program:?} does not serve");
    }

    fn srvr(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"srvr")?;
        let mut says = String::new();
        stream.read_to_string(&mut says)?;
        Ok(says)
    }
}

impl Drop for ZooKeeperServer {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}
