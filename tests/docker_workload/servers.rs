//! Cluster stores in the lab, each behind a recorder where the hosts expect the store: real ones, and kubekv.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;

use support::command::binary;
use support::docker_lab::{LabServer, STORE, STORE_NAMESPACE, again_until, shown};
use support::recorder::{Protocol, Recorder, Setup};

const ETCD_IS_READY: &str = "</dev/tcp/127.0.0.1/2379";

const ZOOKEEPER_IS_READY: &str =
    "exec 3<>/dev/tcp/127.0.0.1/2181; printf srvr >&3; grep -q Mode <&3";

/// A store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Consul,
    Etcd,
    ZooKeeper,
    /// kubekv, over etcd's protocol.
    KubekvEtcd,
    /// kubekv, over ZooKeeper's protocol.
    KubekvZooKeeper,
}

impl Store {
    /// The name of its recordings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Consul => "consul",
            Self::Etcd => "etcd",
            Self::ZooKeeper => "zookeeper",
            Self::KubekvEtcd => "kubekv-etcd",
            Self::KubekvZooKeeper => "kubekv-zookeeper",
        }
    }

    /// The port where the hosts expect it.
    fn port(self) -> u16 {
        match self {
            Self::Consul => 8500,
            Self::Etcd | Self::KubekvEtcd => 2379,
            Self::ZooKeeper | Self::KubekvZooKeeper => 2181,
        }
    }

    /// The hosts' URL of it.
    pub(crate) fn url(self) -> String {
        let scheme = match self {
            Self::Consul => "consul",
            Self::Etcd | Self::KubekvEtcd => "etcd",
            Self::ZooKeeper | Self::KubekvZooKeeper => "zk",
        };
        format!("{scheme}://{STORE}:{}", self.port())
    }

    /// Starts it, empty, on loopback of its namespace.
    pub(crate) fn start(self, directory: &Path) -> LabServer {
        match self {
            Self::Consul => consul(directory),
            Self::Etcd => etcd(directory),
            Self::ZooKeeper => zookeeper(directory),
            Self::KubekvEtcd => kubekv(directory, "--etcd=127.0.0.1:2379", ETCD_IS_READY),
            Self::KubekvZooKeeper => {
                kubekv(directory, "--zookeeper=127.0.0.1:2181", ZOOKEEPER_IS_READY)
            }
        }
    }

    /// Starts the recorder before it.
    pub(crate) fn recorder(self) -> Recorder {
        let address = |host: &str, port| SocketAddr::new(host.parse().unwrap(), port);
        let host = |address: &str, name: &str| -> (IpAddr, String) {
            (address.parse().unwrap(), name.to_owned())
        };
        Recorder::start(Setup {
            namespace: Some(STORE_NAMESPACE.into()),
            protocol: match self {
                Self::Consul | Self::Etcd | Self::KubekvEtcd => Protocol::Http,
                Self::ZooKeeper => Protocol::ZooKeeper { shim: true },
                Self::KubekvZooKeeper => Protocol::ZooKeeper { shim: false },
            },
            server: address("127.0.0.1", self.port()),
            listen: vec![(address(STORE, self.port()), None)],
            hosts: vec![host("10.99.0.1", "a"), host("10.99.0.2", "b")],
        })
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn etcd(directory: &Path) -> LabServer {
    let data = shown(&directory.join("etcd"));
    let words = words(&[
        "etcd",
        "--enable-v2",
        "--listen-client-urls=http://127.0.0.1:2379",
        // The hosts go on with what the members advertise.
        "--advertise-client-urls=http://10.99.0.254:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=default=http://127.0.0.1:2380",
        "--data-dir",
        &data,
    ]);
    LabServer::start("etcd", &words, ETCD_IS_READY)
}

fn consul(directory: &Path) -> LabServer {
    let file = directory.join("consul.json");
    // Sessions as short as the tests' heartbeats.
    let config = format!(
        r#"{{"server": true, "bootstrap_expect": 1, "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1",
        "session_ttl_min": "1s", "data_dir": {:?}}}"#,
        directory.join("consul")
    );
    std::fs::write(&file, config).unwrap();
    let words = words(&["consul", "agent", "-config-file", &shown(&file)]);
    let leader = "exec 3<>/dev/tcp/127.0.0.1/8500; printf \"GET /v1/status/leader HTTP/1.0\\r\\n\\r\\n\" >&3; grep -q :8300 <&3";
    LabServer::start("consul", &words, leader)
}

fn zookeeper(directory: &Path) -> LabServer {
    let file = directory.join("zoo.cfg");
    let config = format!(
        "tickTime=2000\ndataDir={}\nclientPortAddress=127.0.0.1\nclientPort=2181\nadmin.enableServer=false\n",
        shown(directory)
    );
    std::fs::write(&file, config).unwrap();
    let main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
    let words = words(&["zookeeper", main, &shown(&file)]);
    LabServer::start("zookeeper", &words, ZOOKEEPER_IS_READY)
}

/// kubekv with this face alone.
fn kubekv(directory: &Path, face: &str, ready: &str) -> LabServer {
    let store = format!("--store=embedded:{}", shown(directory));
    let advertise = "--etcd-advertise=http://10.99.0.254:2379";
    let mut words = words(&["serve", &store, advertise, face]);
    let faces = ["consul", "etcd", "zookeeper"].map(|face| format!("--{face}="));
    let others = faces.iter().filter(|other| !face.starts_with(*other));
    words.extend(others.map(|other| format!("{other}off")));
    LabServer::start_program(Path::new(binary()), &words, ready)
}

#[test]
fn a_server_that_takes_a_word_before_it_serves_and_never_answers_it_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (_silent, _) = listener.accept().unwrap();
        let (mut asked_again, _) = listener.accept().unwrap();
        asked_again.read_exact(&mut [0; 4]).unwrap();
        asked_again.write_all(b"Mode: standalone\n").unwrap();
    });
    let ready = ZOOKEEPER_IS_READY.replace("127.0.0.1/2181", &address.replace(':', "/"));
    again_until(&ready);
    server.join().unwrap();
}
