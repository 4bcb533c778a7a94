//! One member of a real etcd, version 3: alone, or of a cluster.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use kubekv::store::etcd::{self, Access};
use kubekv::store::shared::{Candidate, Metrics, SharedStore, Term};
use rustix::process::{Pid, Signal, kill_process};

use crate::components::component;

/// The client address of a member, and its network namespace, if not the tests' own.
#[derive(Debug)]
pub struct Place {
    pub address: SocketAddr,
    pub namespace: Option<String>,
}

impl Place {
    /// On a free port.
    pub fn free(scheme: &str) -> Self {
        // Certificates are made for this one.
        let address = if scheme == "https" {
            free_at(Ipv4Addr::LOCALHOST)
        } else {
            free()
        };
        Self {
            address,
            namespace: None,
        }
    }
}

/// A member, on ports and in a directory of its own; it ends with the test.
#[derive(Debug)]
pub struct Member {
    process: Child,
    program: PathBuf,
    arguments: Vec<String>,
    place: Place,
    /// Further arguments of `etcdctl`.
    pub control: Vec<String>,
    directory: tempfile::TempDir,
}

/// A free port, on a loopback address of its own: no connection of another test can take the port before the member
/// listens.
pub fn free() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(2);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, high, low, COUNT.fetch_add(1, Ordering::Relaxed));
    free_at(own)
}

fn free_at(address: Ipv4Addr) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).unwrap();
    listener.local_addr().unwrap()
}

impl Member {
    /// Starts the etcd of a component: `etcd` is 3.4, `etcd-3.6` is 3.6.
    pub fn start(name: &str) -> Self {
        Self::start_with(name, "http", &[])
    }

    /// Starts one with more arguments.
    pub fn start_with(name: &str, scheme: &str, more: &[&str]) -> Self {
        let peer = format!("http://{}", free());
        let member = Self::of(
            name,
            scheme,
            ("default", &peer, &format!("default={peer}")),
            Place::free(scheme),
            more,
        );
        member.await_port();
        member
    }

    /// Starts a member of a cluster, by its name, its address there, and the names and addresses of all, at a place; it
    /// listens soon.
    pub fn of(
        component_name: &str,
        scheme: &str,
        (name, peer, cluster): (&str, &str, &str),
        place: Place,
        more: &[&str],
    ) -> Self {
        let program = component(component_name).join("etcd");
        let directory = tempfile::tempdir().unwrap();
        let client = format!("{scheme}://{}", place.address);
        let data = directory.path().join("data").display().to_string();
        let mut arguments: Vec<String> = [
            ["--name", name],
            ["--data-dir", &data],
            ["--listen-client-urls", &client],
            ["--advertise-client-urls", &client],
            ["--listen-peer-urls", peer],
            ["--initial-advertise-peer-urls", peer],
            ["--initial-cluster", cluster],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
        arguments.extend(more.iter().copied().map(str::to_owned));
        Self {
            process: spawn(&program, &arguments, &place),
            program,
            arguments,
            place,
            control: vec![format!("--endpoints={client}")],
            directory,
        }
    }

    /// Takes leadership under a prefix of it.
    pub async fn lead(&self, prefix: &str) -> (SharedStore, Term) {
        let candidate = Candidate {
            name: "tests".to_owned(),
            relay: None,
            duration: Duration::from_secs(10),
        };
        let (endpoints, access) = ([self.address()], Access::default());
        let shared = etcd::open(&endpoints, prefix, access, candidate, Metrics::default()).unwrap();
        let term = shared.lead().await;
        (shared, term)
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Waits until it listens.
    pub fn await_port(&self) {
        for _ in 0..1200 {
            if TcpStream::connect(self.place.address).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("etcd does not listen");
    }

    /// HOST:PORT.
    pub fn address(&self) -> String {
        self.place.address.to_string()
    }

    /// The value of `--store` for a prefix.
    pub fn store(&self, prefix: &str) -> String {
        format!("etcd://{}/{prefix}", self.place.address)
    }

    /// Runs etcdctl; its output, or what it said when it failed.
    pub fn ctl(&self, arguments: &[&str]) -> Result<String, String> {
        self.ctl_with(arguments, b"")
    }

    /// The same, with this on standard input.
    pub fn ctl_with(&self, arguments: &[&str], input: &[u8]) -> Result<String, String> {
        let mut child = Command::new(component("etcd-3.6").join("etcdctl"))
            .args(&self.control)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may have ended before it read everything: its exit code and output say why.
        let _unread = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input);
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        if status.success() {
            Ok(String::from_utf8_lossy(&stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&stderr).into_owned())
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Kills it and starts it again on the same data.
    pub fn restart(&mut self) {
        self.kill();
        self.again();
        self.await_port();
    }

    /// Kills it, and waits for its end.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it after it was killed; it listens soon.
    pub fn again(&mut self) {
        self.process = spawn(&self.program, &self.arguments, &self.place);
    }
}

fn spawn(program: &PathBuf, arguments: &[String], place: &Place) -> Child {
    let mut command = match &place.namespace {
        None => Command::new(program),
        // It becomes the program.
        Some(namespace) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", namespace]).arg(program);
            command
        }
    };
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Member {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}
