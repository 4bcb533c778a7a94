//! `Gateway`: a kubekv in one of its modes.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::command::kubekv;
use support::requests::ask;
use support::running::Running;

use crate::client::StoreClient;
use crate::credentials::AttackCredentials;
use crate::hands::{Hands, StoreProtocol};
use crate::records::fixture;

/// What of kubekv is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KubekvMode {
    /// As on loopback without options.
    Bare,
    /// TLS with certificates of clients.
    Tls,
    /// The same, and a policy in which hosts have the role `docker-node`.
    Policy,
    /// `--guard enforce` alone.
    Guard,
    /// TLS with certificates of clients, a policy and the guard.
    All,
    /// The policy, for clients that show tokens and passwords and no certificates.
    Secrets,
    /// The same, and the guard.
    GuardedSecrets,
    /// The same, and certificates of clients besides.
    Everything,
}

impl KubekvMode {
    pub(crate) fn has_tls(self) -> bool {
        match self {
            Self::Tls | Self::Policy | Self::All | Self::Everything => true,
            Self::Bare | Self::Guard | Self::Secrets | Self::GuardedSecrets => false,
        }
    }

    pub(crate) fn has_policy(self) -> bool {
        match self {
            Self::Policy | Self::All | Self::Secrets | Self::GuardedSecrets | Self::Everything => {
                true
            }
            Self::Bare | Self::Tls | Self::Guard => false,
        }
    }

    pub(crate) fn has_guard(self) -> bool {
        match self {
            Self::Guard | Self::All | Self::GuardedSecrets | Self::Everything => true,
            Self::Bare | Self::Tls | Self::Policy | Self::Secrets => false,
        }
    }

    /// Whether it knows tokens and passwords.
    pub(crate) fn has_secrets(self) -> bool {
        match self {
            Self::Secrets | Self::GuardedSecrets | Self::Everything => true,
            Self::Bare | Self::Tls | Self::Policy | Self::Guard | Self::All => false,
        }
    }
}

/// A gateway that serves one protocol to the clients of an attack.
#[derive(Debug)]
pub(super) struct Gateway {
    mode: KubekvMode,
    protocol: StoreProtocol,
    at: Ipv4Addr,
    /// The records of the fleet, where no client may write them: a directory that each start copies.
    records: Option<PathBuf>,
    running: Option<Running>,
}

impl Gateway {
    pub(super) fn start(
        credentials: &AttackCredentials,
        mode: KubekvMode,
        protocol: StoreProtocol,
        at: Ipv4Addr,
    ) -> Self {
        let mut gateway = Self {
            mode,
            protocol,
            at,
            records: mode
                .has_guard()
                .then(|| records(credentials, mode, protocol)),
            running: None,
        };
        gateway.begin(credentials);
        gateway
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self.protocol {
            StoreProtocol::Consul => self.running().consul,
            StoreProtocol::Etcd => self.running().etcd,
            StoreProtocol::ZooKeeper => self.running().zookeeper(),
        }
    }

    /// Starts with the fleet's records, where it can.
    pub(super) fn start_anew(&mut self, credentials: &AttackCredentials) -> bool {
        if self.records.is_none() {
            return false;
        }
        // Its directory is another one's from now on.
        self.running = None;
        self.begin(credentials);
        true
    }

    fn begin(&mut self, credentials: &AttackCredentials) {
        let store = match &self.records {
            None => "memory:".to_owned(),
            Some(records) => {
                let (copy, url) =
                    credentials.store(&format!("{:?}-{:?}", self.mode, self.protocol));
                let _none_yet = std::fs::remove_dir_all(&copy);
                copy_directory(records, &copy);
                url
            }
        };
        let mut command = kubekv();
        command.args(["serve", "--log-level=warn", "--store", &store]);
        command.args([
            format!("--consul={}:0", self.at),
            format!("--etcd={}:0", self.at),
        ]);
        if self.protocol == StoreProtocol::ZooKeeper {
            command.arg(format!("--zookeeper={}:0", self.at));
        }
        command.args(["--admin=127.0.0.1:0", "--admin-tls-cert=off"]);
        let file = |option: &str, name: &str| format!("--{option}={}", credentials.text(name));
        if self.mode.has_tls() {
            command.args([
                file("tls-cert", "server.crt"),
                file("tls-key", "server.key"),
                file("tls-client-ca", "ca.crt"),
            ]);
            command.arg("--tls-client-auth=required");
        } else {
            command.arg("--allow-plaintext");
        }
        if self.mode.has_policy() {
            command.arg(file("policy", "policy.toml"));
        }
        if self.mode.has_secrets() {
            command.arg(file("credentials", "credentials.toml"));
        }
        if self.mode.has_guard() {
            command.arg("--guard=enforce");
        }
        let running = Running::spawn(command);
        let status = ask(running.admin, "GET /status");
        assert!(
            !status.contains("\"why\""),
            "records are quarantined: {status}"
        );
        self.running = Some(running);
    }
}

/// A directory with the fleet's records in the spelling of a protocol, as they were before the guard was on.
fn records(credentials: &AttackCredentials, mode: KubekvMode, protocol: StoreProtocol) -> PathBuf {
    let (path, url) = credentials.store(&format!("records-{mode:?}-{protocol:?}"));
    let mut command = kubekv();
    command.args([
        "serve",
        "--store",
        &url,
        "--consul=127.0.0.1:0",
        "--etcd=127.0.0.1:0",
    ]);
    command.args(["--zookeeper=127.0.0.1:0", "--admin=127.0.0.1:0"]);
    let open = Running::spawn(command);
    let to = match protocol {
        StoreProtocol::Consul => open.consul,
        StoreProtocol::Etcd => open.etcd,
        StoreProtocol::ZooKeeper => open.zookeeper(),
    };
    let hands = Hands::new(protocol, StoreClient::plain(to));
    for (key, value) in fixture() {
        assert!(hands.put(&key, &value), "{key}: {hands:?}");
    }
    assert_eq!(open.stop().code, 0);
    path
}

fn copy_directory(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}
