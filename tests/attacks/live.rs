//! Attacks on two real Docker hosts: what becomes of their daemons on a real server, and that they live on on kubekv.
//!
//! The attacker is the host a of the lab (`tests/docker`); what is looked at is the daemon of host b.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use support::command::{binary, embedded};
use support::docker_lab::{
    DockerLab, LabServer, STORE, STORE_NAMESPACE, docker, docker_on, run, shown,
};
use tempfile::TempDir;

use crate::attack::{Attack, Scene};
use crate::battery::all;
use crate::client::StoreClient;
use crate::hands::{Hands, StoreProtocol};
use crate::table::write_table;

/// The network namespace of the attacker.
const ATTACKER_NAMESPACE: &str = "/run/netns/kubekv-a";

/// The attacks whose harm shows on a daemon that has done nothing since: none needs a record of the battery's own fleet.
const ATTACKS: [&str; 6] = [
    "network-of-nothing",
    "network-no-json",
    "network-called-bridge",
    "node-of-no-address",
    "networks-deleted",
    "form-of-another-site",
];

/// A cluster store of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LabStore {
    Real(StoreProtocol),
    /// With `--guard enforce`.
    Kubekv(StoreProtocol),
}

impl LabStore {
    fn protocol(self) -> StoreProtocol {
        match self {
            Self::Real(protocol) | Self::Kubekv(protocol) => protocol,
        }
    }

    fn address(self) -> SocketAddr {
        let port = match self.protocol() {
            StoreProtocol::Consul => 8500,
            StoreProtocol::Etcd => 2379,
            StoreProtocol::ZooKeeper => 2181,
        };
        SocketAddr::new(STORE.parse().unwrap(), port)
    }

    fn url(self) -> String {
        let scheme = match self.protocol() {
            StoreProtocol::Consul => "consul",
            StoreProtocol::Etcd => "etcd",
            StoreProtocol::ZooKeeper => "zk",
        };
        format!("{scheme}://{}", self.address())
    }

    fn start(self, directory: &Path) -> LabServer {
        let (address, data) = (self.address(), shown(&directory.join("data")));
        let ready = format!("</dev/tcp/{}/{}", address.ip(), address.port());
        match self {
            Self::Kubekv(_) => {
                let options = [
                    "serve".to_owned(),
                    "--allow-plaintext".to_owned(),
                    "--guard=enforce".to_owned(),
                    format!("--consul={STORE}:8500"),
                    format!("--etcd={STORE}:2379"),
                    format!("--store={}", embedded(Path::new(&data))),
                ];
                LabServer::start_program(Path::new(binary()), &options, &ready)
            }
            Self::Real(StoreProtocol::Consul) => {
                let words = [
                    "consul",
                    "agent",
                    "-server",
                    "-bootstrap-expect=1",
                    "-bind=10.99.0.254",
                    "-client=10.99.0.254",
                    "-data-dir",
                    &data,
                ];
                LabServer::start("consul", &words.map(str::to_owned), &ready)
            }
            Self::Real(StoreProtocol::ZooKeeper) => {
                panic!("dockerd 20.10 crashes on a real ZooKeeper whatever anybody does")
            }
            Self::Real(StoreProtocol::Etcd) => {
                let client = format!("http://{address}");
                let words = [
                    "etcd",
                    "--enable-v2",
                    "--data-dir",
                    &data,
                    "--listen-client-urls",
                    &client,
                    "--advertise-client-urls",
                    &client,
                ];
                LabServer::start("etcd", &words.map(str::to_owned), &ready)
            }
        }
    }
}

/// Two hosts with a network, and a container in it on b.
struct Fleet {
    store: LabStore,
    _server: LabServer,
    _directory: TempDir,
    _lab: DockerLab,
}

/// What of the daemon of b is harmed; nothing where it lives on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fate(Vec<&'static str>);

impl std::fmt::Display for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            f.write_str("lives on")
        } else {
            f.write_str(&self.0.join(", "))
        }
    }
}

impl Fleet {
    fn start(store: LabStore) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lab = DockerLab::take();
        let server = store.start(directory.path());
        run(docker().args(["up", &store.url()]));
        docker_on("a", &["network", "create", "-d", "overlay", "ov"]);
        Self {
            store,
            _server: server,
            _directory: directory,
            _lab: lab,
        }
    }

    /// Has a process in a namespace do something to the store.
    fn child(&self, namespace: &str, what: &str) {
        let own = std::env::current_exe().unwrap();
        let done = Command::new("nsenter")
            .arg(format!("--net={namespace}"))
            .arg(own)
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "live::child_that_asks_the_store",
            ])
            .env("ATTACKS_DO", what)
            .env("ATTACKS_STORE", self.store.address().to_string())
            .env("ATTACKS_PROTOCOL", format!("{:?}", self.store.protocol()))
            .output()
            .unwrap();
        assert!(done.status.success(), "{what}: {done:?}");
    }

    fn try_on_b(arguments: &[&str]) -> Option<String> {
        let done = docker().args(["on", "b"]).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        done.status.success().then_some(said)
    }

    fn log_of_b() -> String {
        let lab = std::env::var("TESTS_LAB").unwrap_or_else(|_| "/var/lib/kubekv-lab".to_owned());
        let log = std::fs::read(Path::new(&lab).join("b/log")).unwrap();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// What the daemon of b makes of the store as it is.
    fn fate(&self, attack: &Attack) -> Fate {
        let before = Self::log_of_b().len();
        self.child(ATTACKER_NAMESPACE, attack.name);
        let list = || Self::try_on_b(&["network", "ls", "--format", "{{.Name}}"]);
        let lists = list().is_some_and(|listed| listed.lines().any(|name| name == "ov"));
        let run = [
            "run",
            "--rm",
            "--network",
            "bridge",
            "lab",
            "/bin/sh",
            "-c",
            ":",
        ];
        let runs = Self::try_on_b(&run).is_some();
        // It is told at once; a daemon that is gone finds nobody.
        std::thread::sleep(std::time::Duration::from_secs(1));
        let log = Self::log_of_b();
        let said = log.get(before..).unwrap_or_default();
        let lives = Self::try_on_b(&["info", "--format", "ok"]).is_some();
        let finds = lives && !said.contains("iscovery error");
        let again = if lives { "restart" } else { "start" };
        let starts = docker().args([again, "b"]).status().unwrap().success();
        let all = [
            (lives, "ends"),
            (lists, "sees no global network"),
            (finds, "finds no host"),
            (runs, "starts no container"),
            (starts, "does not start again"),
        ];
        let harms = all.iter().filter(|(is_well, _)| !is_well);
        Fate(harms.map(|(_, harm)| *harm).collect())
    }

    /// Removes what an attack left, and has both daemons serve again.
    fn heal(&self) {
        self.child(STORE_NAMESPACE, "heal");
        for host in ["a", "b"] {
            let serves = docker().args(["on", host, "info"]).output().unwrap();
            if !serves.status.success() {
                run(docker().args(["start", host]));
            }
        }
        let names = docker_on("b", &["network", "ls", "--format", "{{.Name}}"]);
        if !names.lines().any(|name| name == "ov") {
            docker_on("a", &["network", "create", "-d", "overlay", "ov"]);
        }
    }
}

/// What a process in another network namespace does: an attack, or healing.
#[test]
#[ignore = "a child of the tests here"]
fn child_that_asks_the_store() {
    let var = |name: &str| std::env::var(name).unwrap();
    let protocols = STORES.map(|(_, store)| store.protocol());
    let is_meant = |protocol: &StoreProtocol| format!("{protocol:?}") == var("ATTACKS_PROTOCOL");
    let protocol = protocols.into_iter().find(is_meant).unwrap();
    let to = var("ATTACKS_STORE").parse().unwrap();
    let hands = || Hands::new(protocol, StoreClient::plain(to));
    let what = var("ATTACKS_DO");
    if what == "heal" {
        heal(&hands());
        return;
    }
    let attack = all()
        .into_iter()
        .find(|attack| attack.name == what)
        .unwrap();
    let scene = Scene {
        attacker: hands(),
        victim: hands(),
        operator: hands(),
    };
    let done = (attack.strike)(&scene);
    println!("{what}: {done}, {:?}", scene.attacker.refusal());
}

/// Deletes what no daemon has written.
fn heal(hands: &Hands) {
    let is_harm = |key: &str, value: &str| {
        let is_evil = key.contains("eeee") || value == "{}" || value == "{";
        is_evil || key.starts_with("docker/nodes/") && value == "foo"
    };
    for (key, entry) in hands.list("docker") {
        if is_harm(&key, &entry.value) {
            assert!(hands.delete(&key), "{key}: {hands:?}");
        }
    }
}

/// Makes every attack on a fleet of its own store.
fn fates(store: LabStore) -> Vec<(&'static str, Fate)> {
    let fleet = Fleet::start(store);
    let attacks = all().into_iter();
    let attacks =
        attacks.filter(|attack| ATTACKS.contains(&attack.name) && attack.is_over(store.protocol()));
    let mut found = Vec::new();
    for attack in attacks {
        let fate = fleet.fate(&attack);
        println!("{store:?}: {}: {fate}", attack.name);
        found.push((attack.name, fate));
        fleet.heal();
    }
    found
}

/// The stores of the table, and their titles.
const STORES: [(&str, LabStore); 4] = [
    ("etcd", LabStore::Real(StoreProtocol::Etcd)),
    ("Consul", LabStore::Real(StoreProtocol::Consul)),
    (
        "kubekv, etcd's protocol",
        LabStore::Kubekv(StoreProtocol::Etcd),
    ),
    (
        "kubekv, Consul's protocol",
        LabStore::Kubekv(StoreProtocol::Consul),
    ),
];

/// Daemons on a real server are harmed by each attack, daemons on kubekv with the guard by none.
#[test]
#[ignore = "by hand, needs Docker and root: tests/attacks/run --live"]
fn the_fates_of_daemons_by_hand() {
    let found = STORES.map(|(_, store)| fates(store));
    let mut text = String::from("| attack | ");
    text.push_str(&STORES.map(|(title, _)| title).join(" | "));
    text.push_str(" |\n|---|---|---|---|---|\n");
    for attack in ATTACKS {
        let of = |fates: &Vec<(&str, Fate)>| {
            let fate = fates.iter().find(|(name, _)| *name == attack);
            fate.map_or_else(|| "-".to_owned(), |(_, fate)| fate.to_string())
        };
        let cells: Vec<String> = found.iter().map(of).collect();
        writeln!(text, "| `{attack}` | {} |", cells.join(" | ")).unwrap();
    }
    write_table(&text);
    for ((_, store), fates) in STORES.iter().zip(&found) {
        for (attack, fate) in fates {
            let is_real = matches!(store, LabStore::Real(_));
            assert_eq!(!fate.0.is_empty(), is_real, "{attack} on {store:?}: {fate}");
        }
    }
}
