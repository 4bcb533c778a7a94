//! Gateway process: spawning, the addresses it prints, signals, and its log.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::command::binary;

use crate::gateway::store::{ETCD_PREFIX, Store};

/// A listening gateway process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub name: String,
    /// The number of its API server, or of its order of etcd members: 1 or 2.
    pub server: usize,
    pub consul: SocketAddr,
    pub etcd: SocketAddr,
    pub zookeeper: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// Waits until the process prints its addresses.
    pub fn listening(spawned: Spawned) -> Self {
        let Spawned {
            mut child,
            log,
            name,
            server,
        } = spawned;
        let mut faces = BTreeMap::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while faces.len() < 3 {
            let Some(line) = lines.next() else {
                panic!("the gateway does not start:\n{}", read(&log));
            };
            let line = line.unwrap();
            let url = line.split("--cluster-store=").nth(1);
            let url = url.and_then(|url| url.trim().split_once("://"));
            let (scheme, address) = url.expect(&line);
            faces.insert(scheme.to_owned(), address.parse().unwrap());
        }
        Self {
            child,
            name,
            server,
            consul: faces["consul"],
            etcd: faces["etcd"],
            zookeeper: faces["zk"],
            log,
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Panics if the process ended unexpectedly.
    pub fn check_is_running(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!(
                "a gateway ended unexpectedly, {status}:\n{}",
                read(&self.log)
            );
        }
    }

    /// Waits for the end of the process, and panics if its log has a panic.
    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        let log = self.log();
        assert!(!log.contains("panicked"), "the gateway panicked:\n{log}");
        status
    }

    pub fn log(&self) -> String {
        read(&self.log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A spawned process that may not listen yet.
#[derive(Debug)]
pub struct Spawned {
    child: Child,
    log: PathBuf,
    name: String,
    server: usize,
}

impl Spawned {
    pub fn kill_after(mut self, delay: Duration) {
        std::thread::sleep(delay);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Copies the program, so that a build during the run does not change what is restarted.
pub fn copy_program(directory: &Path) {
    fs::copy(binary(), program(directory)).unwrap();
}

fn program(directory: &Path) -> PathBuf {
    directory.join("kubekv")
}

/// The path of the log of a process.
pub fn log_path(directory: &Path, number: usize) -> PathBuf {
    directory.join(format!("log-{number}"))
}

/// The directory of the embedded store.
pub fn store_directory(directory: &Path) -> PathBuf {
    directory.join("store")
}

fn read(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned()
}

/// Starts the gateway process with a number, at one of the two API servers or orders of etcd members.
pub fn spawn(directory: &Path, store: &Store, number: usize, server: usize) -> Spawned {
    let log = log_path(directory, number);
    let name = format!("gateway-{number}");
    let mut command = Command::new(program(directory));
    let store = match store {
        Store::Embedded => format!("embedded:{}", store_directory(directory).display()),
        Store::Kubernetes(servers) => {
            command.env("KUBECONFIG", servers.kubeconfig(server));
            "kubernetes:default".to_owned()
        }
        Store::Etcd(members) => {
            let order = if server == 1 { [0, 1, 2] } else { [1, 2, 0] };
            members.store(&order, ETCD_PREFIX)
        }
    };
    let child = command
        .arg("serve")
        .arg(format!("--store={store}"))
        .arg(format!("--node-name={name}"))
        // Longer than the nemesis stops a process.
        .arg("--lead-duration=5")
        .arg("--log-level=info,kubekv::store=debug")
        .args(["--consul=127.0.0.1:0", "--etcd=127.0.0.1:0"])
        .args(["--zookeeper=127.0.0.1:0", "--admin=off"])
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    Spawned {
        child,
        log,
        name,
        server,
    }
}
