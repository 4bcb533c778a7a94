//! Servers under attack, each a process of its own with an empty store.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::sleep;

use super::options::{RunOptions, ServerKind};
use super::process::Process;
use crate::attacks::{Attack, AttackedFace};
use crate::client::certificates::{self, Certificates};
use crate::client::request::{get, put, put_form};
use crate::client::{Answer, Connection, Target, Who};

/// The address that the program itself asks from.
const OPERATOR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// How often it is asked whether it is ready, and the pause between.
const TRIES: usize = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    process: Process,
    /// Its face.
    pub(super) target: Target,
    /// Where the certificates of its clients are, if they have some.
    pub(super) certificates: Option<PathBuf>,
    /// The admin port of a kubekv.
    pub(super) admin: Option<SocketAddr>,
    directory: TempDir,
}

impl Server {
    /// Starts one, and waits until it takes writes. `number` differs for each.
    pub(super) async fn start(
        options: &RunOptions,
        kind: ServerKind,
        attack: &Attack,
        number: usize,
    ) -> Self {
        let directory = tempfile::tempdir_in(&options.work).unwrap();
        let at = |offset: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, options.port + offset));
        let (mut command, address) = match (kind, attack.face) {
            (ServerKind::Kubekv, face) => {
                let face = match face {
                    AttackedFace::Consul => at(0),
                    AttackedFace::Etcd => at(1),
                };
                (kubekv(options, attack, directory.path(), number), face)
            }
            (ServerKind::Real, AttackedFace::Consul) => (consul(options, directory.path()), at(10)),
            (ServerKind::Real, AttackedFace::Etcd) => (etcd(options, directory.path()), at(20)),
            (ServerKind::Constant, _) => {
                let mut command = Command::new(bench(options));
                command.args(["bench", "constant", "--threads", "2"]);
                command.args(["--listen", &at(30).to_string()]);
                (command, at(30))
            }
        };
        let mut target = Target::from(address);
        let mut shown = None;
        if options.identities > 0 {
            assert!(kind == ServerKind::Kubekv, "only kubekv knows identities");
            let own = directory.path().join("certificates");
            command.args(certificates::make(
                &options.kubekv,
                &own,
                options.identities,
            ));
            target = target.shown(Certificates::read(&own, options.identities));
            shown = Some(own);
        }
        let log = File::create(directory.path().join("log")).unwrap();
        let mut server = Self {
            process: Process::spawn(command.stdout(Stdio::null()).stderr(log)),
            target,
            certificates: shown,
            admin: (kind == ServerKind::Kubekv).then(|| at(2)),
            directory,
        };
        server.until_ready(attack.face).await;
        server
    }

    async fn until_ready(&mut self, face: AttackedFace) {
        let write = match face {
            AttackedFace::Consul => put("/v1/kv/ready", b"v"),
            AttackedFace::Etcd => put_form("/v2/keys/ready", b"value=v"),
        };
        for _ in 0..TRIES {
            if let Some(status) = self.process.ended() {
                panic!("the server ended: {status}: {}", self.log());
            }
            if let Ok(answer) = ask(&self.target, &write).await
                && matches!(answer.status, 200..300)
            {
                return;
            }
            sleep(PAUSE).await;
        }
        panic!("the server is not ready: {}", self.log());
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.process.ended()?;
        Some(format!("the server ended: {status}"))
    }

    /// Metrics of a kubekv whose names contain one of these texts, and that are not zero.
    pub(super) async fn metrics(&self, wanted: &[&str]) -> Vec<String> {
        let Some(admin) = self.admin else {
            return Vec::new();
        };
        let Ok(text) = page(admin, "/metrics").await else {
            return vec!["no metrics".to_owned()];
        };
        let lines = text
            .lines()
            .filter(|line| wanted.iter().any(|name| line.starts_with(name)));
        lines
            .filter(|line| !line.ends_with(" 0"))
            .map(str::to_owned)
            .collect()
    }

    /// The end of its log.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

/// The program whose bench is used.
pub(super) fn bench(options: &RunOptions) -> &Path {
    options.bench.as_ref().unwrap_or(&options.kubekv)
}

/// A request from the operator's address.
async fn ask(to: &Target, request: &[u8]) -> std::io::Result<Answer> {
    let mut connection = Connection::open(OPERATOR, to, Who::Bystander).await?;
    connection.send(request).await?;
    connection.answer().await
}

/// A page with its head.
pub(super) async fn page(to: SocketAddr, target: &str) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(to).await?;
    let request = String::from_utf8_lossy(&get(target)).replace(
        "Host: 127.0.0.1\r\n",
        "Host: 127.0.0.1\r\nConnection: close\r\n",
    );
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

fn kubekv(options: &RunOptions, attack: &Attack, directory: &Path, number: usize) -> Command {
    let store = match &options.store {
        Some(store) => store.replace("{}", &number.to_string()),
        None => format!("embedded:{}", directory.join("store").display()),
    };
    let at = |offset: u16| format!("127.0.0.1:{}", options.port + offset);
    let mut command = Command::new(&options.kubekv);
    command
        .args(["serve", "--store", &store, "--log-level", "warn"])
        .args(["--consul", &at(0), "--etcd", &at(1), "--admin", &at(2)])
        .args(&options.serve);
    if attack.max_connections > 0 {
        command.args(["--max-connections", &attack.max_connections.to_string()]);
    }
    command
}

/// Consul with its own limits; only TTLs of sessions may be as short as kubekv's.
fn consul(options: &RunOptions, directory: &Path) -> Command {
    let program = options.consul.as_ref().expect("--consul");
    let (port, data) = (options.port, directory.join("data"));
    let config = serde_json::json!({
        "server": true, "bootstrap_expect": 1, "data_dir": data, "bind_addr": "127.0.0.1",
        "log_level": "ERR", "node_name": "hostile", "disable_update_check": true,
        "performance": {"raft_multiplier": 1}, "session_ttl_min": "100ms",
        "ports": {"http": port + 10, "server": port + 11, "serf_lan": port + 12, "dns": -1, "serf_wan": -1, "grpc": -1},
    });
    let file = directory.join("consul.json");
    fs::write(&file, config.to_string()).unwrap();
    let mut command = Command::new(program);
    command.arg("agent").arg("-config-file").arg(file);
    command
}

fn etcd(options: &RunOptions, directory: &Path) -> Command {
    let program = options.etcd.as_ref().expect("--etcd");
    let at = |offset: u16| format!("http://127.0.0.1:{}", options.port + offset);
    let (client, peer) = (at(20), at(21));
    let mut command = Command::new(program);
    command
        .arg("--enable-v2")
        .arg("--data-dir")
        .arg(directory.join("data"))
        .args([
            "--listen-client-urls",
            &client,
            "--advertise-client-urls",
            &client,
        ])
        .args([
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
        ])
        .args([
            "--initial-cluster",
            &format!("default={peer}"),
            "--log-level",
            "error",
        ]);
    command
}
