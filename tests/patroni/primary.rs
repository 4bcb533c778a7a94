//! A primary: a database managed by a real Patroni.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::postgresql::PostgreSql;
use support::components::component;
use support::etcd_member::free;

/// `PostgreSQL` refuses to run as root.
const USER: u32 = 65_534;

/// The store of Patroni's keys.
#[derive(Clone, Debug)]
pub(crate) enum Dcs {
    Etcd(Vec<SocketAddr>),
    Consul(SocketAddr),
    ZooKeeper(Vec<SocketAddr>),
}

impl Dcs {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Etcd(_) => "etcd",
            Self::Consul(_) => "consul",
            Self::ZooKeeper(_) => "zookeeper",
        }
    }

    fn settings(&self) -> String {
        let list = |hosts: &[SocketAddr]| {
            let hosts: Vec<_> = hosts.iter().map(|host| format!("'{host}'")).collect();
            hosts.join(", ")
        };
        match self {
            Self::Etcd(hosts) => format!("etcd: {{hosts: [{}]}}", list(hosts)),
            Self::Consul(host) => format!("consul: {{host: '{host}', register_service: false}}"),
            Self::ZooKeeper(hosts) => format!("zookeeper: {{hosts: [{}]}}", list(hosts)),
        }
    }
}

/// Seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) ttl: u32,
    pub(crate) loop_wait: u32,
    pub(crate) retry_timeout: u32,
}

/// A primary, alone in its cluster.
#[derive(Debug)]
pub(crate) struct Primary {
    patroni: Child,
    rest: SocketAddr,
    /// Names it, and its keys.
    pub(crate) scope: String,
    directory: tempfile::TempDir,
}

impl Primary {
    /// Starts one; it is a primary some seconds later.
    pub(crate) fn start(dcs: &Dcs, postgresql: &PostgreSql, timing: Timing) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let mut command = python(root);
        let rest = free();
        let file = root.join("patroni.yml");
        let settings = settings(dcs, rest, &postgresql.bin(), root, timing);
        std::fs::write(&file, settings).unwrap();
        let log = std::fs::File::create(root.join("log")).unwrap();
        let patroni = command
            .args(["-m", "patroni"])
            .arg(&file)
            .current_dir(root)
            .env("LD_LIBRARY_PATH", postgresql.libraries())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("PYTHONPATH")
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        Self {
            patroni,
            rest,
            scope: dcs.name().to_owned(),
            directory,
        }
    }

    /// Its status: its role, by the database, its timeline, and when the DCS last answered.
    pub(crate) fn says(&self) -> Value {
        let answer = std::net::TcpStream::connect(self.rest)
            .ok()
            .and_then(|mut stream| {
                use std::io::{Read, Write};
                stream.write_all(b"GET /patroni HTTP/1.0\r\n\r\n").ok()?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer).ok()?;
                let (_, body) = answer.split_once("\r\n\r\n")?;
                serde_json::from_str(body).ok()
            });
        answer.unwrap_or_default()
    }

    fn is_primary(&self) -> bool {
        let says = self.says();
        says["state"] == "running" && (says["role"] == "primary" || says["role"] == "master")
    }

    /// Waits until it is a primary that its DCS has acknowledged.
    pub(crate) fn until_primary(&self) {
        for _ in 0..2_400 {
            if self.is_primary() && self.seen() > 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "it does not start: {}\n{}",
            self.says(),
            last_lines(&self.log(), 60)
        );
    }

    /// When the DCS last answered, in seconds since 1970.
    pub(crate) fn seen(&self) -> u64 {
        self.says()["dcs_last_seen"].as_u64().unwrap_or_default()
    }

    /// Fails if this healthy primary was ever demoted.
    pub(crate) fn assert_never_demoted(&self, when: &str) {
        let log = self.log();
        let mut why = String::new();
        for line in log
            .lines()
            .filter(|line| line.to_lowercase().contains("demot"))
        {
            writeln!(why, "{line}").unwrap();
        }
        let says = self.says();
        assert!(
            why.is_empty() && self.is_primary() && says["timeline"] == 1,
            "{} was demoted {when}: {says} {why}\n{}",
            self.scope,
            last_lines(&log, 60),
        );
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

fn settings(dcs: &Dcs, rest: SocketAddr, bin: &Path, root: &Path, timing: Timing) -> String {
    let (scope, dcs) = (dcs.name(), dcs.settings());
    let (listens, bin, root) = (free(), bin.display(), root.display());
    let Timing {
        ttl,
        loop_wait,
        retry_timeout,
    } = timing;
    format!(
        "
scope: {scope}
name: primary
restapi: {{listen: '{rest}', connect_address: '{rest}'}}
{dcs}
bootstrap:
  dcs: {{ttl: {ttl}, loop_wait: {loop_wait}, retry_timeout: {retry_timeout}}}
  initdb: [{{encoding: UTF8}}, {{locale: C}}, no-sync]
postgresql:
  listen: '{listens}'
  connect_address: '{listens}'
  bin_dir: '{bin}'
  data_dir: '{root}/data'
  pgpass: '{root}/pgpass'
  authentication:
    superuser: {{username: postgres, password: p}}
    replication: {{username: replicator, password: p}}
  parameters: {{unix_socket_directories: '{root}', fsync: 'off', shared_buffers: 16MB, max_connections: 20}}
"
    )
}

/// Python, as a user who owns the directory and is not root.
fn python(root: &Path) -> Command {
    let python = component("patroni").join("python");
    if !rustix::process::geteuid().is_root() {
        return Command::new(python);
    }
    std::os::unix::fs::chown(root, Some(USER), Some(USER)).unwrap();
    let mut command = Command::new("setpriv");
    // The right to look into directories of others, as the cache of programs may be one of root's.
    let look = [
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
    ];
    let user = [format!("--reuid={USER}"), format!("--regid={USER}")];
    command
        .args(user)
        .arg("--clear-groups")
        .args(look)
        .arg(python);
    command
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

impl Drop for Primary {
    fn drop(&mut self) {
        // Patroni first, which would start PostgreSQL again.
        let _killed = self.patroni.kill();
        let _reaped = self.patroni.wait();
        let file = self.directory.path().join("data/postmaster.pid");
        let file = std::fs::read_to_string(file).unwrap_or_default();
        let pid = file
            .lines()
            .next()
            .and_then(|line| line.trim().parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let mut there = kill_process(pid, Signal::QUIT);
            // Its last writes would remain in the directory that is removed now.
            for _ in 0..400 {
                if there.is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
                there = test_kill_process(pid);
            }
        }
    }
}
