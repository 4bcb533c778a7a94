//! The journey of simulated hosts, recorded as that of real ones is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kubekv::bench::docker::observer::NoObserver;
use kubekv::bench::docker::{FleetGossip, Host, HostAction, HostContext, HostOptions};
use kubekv::bench::target::LoadTarget;
use kubekv::config::{SourceAccess, SourceUrl};
use kubekv::docker::DockerKeys;
use kubekv::face::consul::{self, Consul};
use kubekv::face::etcd::{self, Etcd};
use support::faces;
use support::recorder::form::{is_heartbeat, is_poll};
use support::recorder::profile::{Profile, differences};
use support::recorder::record::{load, save};
use support::recorder::{Protocol, Record, Recorder, Setup};
use support::zookeeper::ZooKeeper;
use tokio::time::{Instant, sleep};

use crate::live::stored;
use crate::servers::Store;

/// The addresses of the hosts.
const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 16, 0, 1), Ipv4Addr::new(127, 16, 0, 2)];

/// How long the store hears nothing between two steps.
const STILL: Duration = Duration::from_millis(200);

/// Two simulated hosts on their way.
struct Simulation {
    recorder: Recorder,
    a: Arc<Host>,
    b: Arc<Host>,
}

impl Simulation {
    async fn new(
        protocol: Protocol,
        url: impl FnOnce(String) -> SourceUrl,
        server: SocketAddr,
    ) -> Self {
        let host = |at: usize, name: &str| (IpAddr::V4(ADDRESSES[at]), name.to_owned());
        let recorder = Recorder::start(Setup {
            namespace: None,
            protocol,
            server,
            listen: vec![("127.0.0.1:0".parse().unwrap(), None)],
            hosts: vec![host(0, "a"), host(1, "b")],
        });
        let access = SourceAccess::default();
        let url = url(recorder.addresses[0].to_string());
        let bind = "127.16.0.0/12".parse().unwrap();
        let target = LoadTarget::resolve(&url, &access, Some(bind), false);
        let gossip = Arc::new(FleetGossip::default());
        let context = HostContext {
            target: Arc::new(target.await.unwrap()),
            keys: Arc::new(DockerKeys::new("")),
            gossip: Arc::<FleetGossip>::clone(&gossip),
            observer: Arc::new(NoObserver),
            epoch: Instant::now(),
        };
        let host = |at: usize| {
            let options = HostOptions {
                number: u64::try_from(at).unwrap(),
                address: ADDRESSES[at].into(),
                advertises: true,
                dns: vec!["10.99.0.254".parse().unwrap()],
                global_first: true,
                heartbeat: Duration::from_secs(1),
                phase: Duration::from_millis(500),
                ttl: Duration::from_secs(3),
            };
            let host = Arc::new(Host::new(context.clone(), options).unwrap());
            gossip.add(&host);
            host
        };
        let (a, b) = (host(0), host(1));
        Self { recorder, a, b }
    }

    /// Waits until the hosts have nothing more to do.
    async fn settle(&self) {
        let mut count = 0;
        loop {
            sleep(STILL).await;
            let now = self.recorder.records().len();
            if std::mem::replace(&mut count, now) == now {
                return;
            }
        }
    }

    async fn step(&self, name: &str, host: &Arc<Host>, actions: &[HostAction]) {
        self.recorder.step(name);
        for action in actions {
            host.perform(action, Instant::now()).await.unwrap();
        }
        self.settle().await;
    }

    async fn run(&self) {
        self.recorder.step("daemon start");
        for host in [&self.a, &self.b] {
            host.start(Instant::now(), false).await.unwrap();
            // The script that starts a real one asks it three times whether it is there.
            for _ in 0..3 {
                host.perform(&HostAction::NetworkList, Instant::now())
                    .await
                    .unwrap();
            }
        }
        self.until_heartbeats(2).await;
        self.settle().await;
        self.recorder.step("heartbeat");
        let before = self.heartbeats();
        self.until_heartbeats(before + 4).await;
        self.settle().await;
        self.networks_and_containers().await;
        self.restart_and_loss().await;
    }

    fn heartbeats(&self) -> usize {
        let records = self.recorder.records();
        records.iter().filter(|record| is_heartbeat(record)).count()
    }

    /// Waits until a host has just had a heartbeat: one that its end cuts is not in the recording of real hosts.
    async fn after_heartbeat(&self, host: &str) {
        let is_its = |record: &&Record| record.host == host && is_heartbeat(record);
        let count = || self.recorder.records().iter().filter(is_its).count();
        let is_under_way = |record: &Record| {
            let waits = record.ms.is_none() && !record.lost && record.method != "event";
            record.host == host && waits && !is_poll(record)
        };
        loop {
            let before = count();
            while count() == before {
                sleep(Duration::from_millis(20)).await;
            }
            sleep(STILL).await;
            if !self.recorder.records().iter().any(is_under_way) {
                return;
            }
        }
    }

    async fn until_heartbeats(&self, count: usize) {
        while self.heartbeats() < count {
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn networks_and_containers(&self) {
        let (a, b) = (&self.a, &self.b);
        let create = |name: &str| HostAction::NetworkCreate {
            name: name.to_owned(),
            subnet: None,
        };
        let start = |container: &str, network: &str| HostAction::ContainerStart {
            container: container.to_owned(),
            network: network.to_owned(),
        };
        let stop = |container: &str| HostAction::ContainerStop {
            container: container.to_owned(),
        };
        self.step("network create", a, &[create("n1")]).await;
        self.step("second network create", a, &[create("n2")]).await;
        self.step("network list", a, &[HostAction::NetworkList])
            .await;
        self.step("container start", a, &[start("a1", "n1")]).await;
        self.step("container start beside a peer", b, &[start("b1", "n1")])
            .await;
        self.step("second container start", a, &[start("a2", "n1")])
            .await;
        self.step("container remove", a, &[stop("a2")]).await;
        self.step("container stop", a, &[stop("a1")]).await;
        self.step("stopped container remove", a, &[]).await;
        self.step("container start again", a, &[start("a3", "n1")])
            .await;
        self.step(
            "container start on the second network",
            a,
            &[start("a4", "n2")],
        )
        .await;
        self.step("last container remove", a, &[stop("a4")]).await;
        let remove = HostAction::NetworkRemove {
            name: "n2".to_owned(),
        };
        self.step("network remove", a, &[remove]).await;
    }

    async fn restart_and_loss(&self) {
        let (a, b) = (&self.a, &self.b);
        self.after_heartbeat("a").await;
        self.recorder.step("daemon stop");
        a.stop(Instant::now()).await.unwrap();
        self.settle().await;
        self.recorder.step("daemon restart");
        a.start(Instant::now(), true).await.unwrap();
        let again = HostAction::ContainerStart {
            container: "a3".to_owned(),
            network: "n1".to_owned(),
        };
        let list = HostAction::NetworkList;
        let after = [again, list.clone(), list.clone(), list];
        self.step("daemon restart", a, &after).await;
        self.after_heartbeat("b").await;
        self.recorder.step("host dies");
        b.die(Instant::now()).await;
        while !self.dead_is_gone() {
            sleep(Duration::from_millis(20)).await;
        }
        self.settle().await;
        self.recorder.step("refused network remove");
        let remove = HostAction::NetworkRemove {
            name: "n1".to_owned(),
        };
        let refused = a.perform(&remove, Instant::now()).await;
        assert_eq!(
            refused.unwrap_err().to_string(),
            "the network has active endpoints"
        );
        self.settle().await;
    }

    /// Whether the last list of hosts is without the dead one.
    fn dead_is_gone(&self) -> bool {
        let records = self.recorder.records();
        let lists = records.iter().filter(|record| {
            let ends_with = |word| record.target.ends_with(word);
            let is_list = record.method == "getChildren2" && ends_with("/docker/nodes")
                || record.target.contains("recurs");
            let is_of_step = record.step == "host dies" || record.answered_in.is_some();
            is_list && is_of_step && record.host == "a" && record.target.contains("/docker/nodes")
        });
        let last = lists.rev().find_map(|record| record.answer.as_ref());
        last.is_some_and(|answer| {
            answer.contains("127.16.0.1:2376") && !answer.contains("127.16.0.2:2376")
        })
    }
}

/// Records the journey over etcd's protocol.
pub(crate) async fn etcd() -> Vec<Record> {
    let space = faces::space().await;
    let (address, _stop) = faces::start(|stopping| {
        etcd::router(Etcd {
            space,
            stopping,
            advertise: Vec::new(),
            fairness: kubekv::fairness::Fairness::default(),
        })
    })
    .await;
    let simulation = Simulation::new(
        Protocol::Http,
        |server| SourceUrl::Etcd2(vec![server]),
        address,
    )
    .await;
    simulation.run().await;
    simulation.recorder.records()
}

/// Records the journey over Consul's protocol.
pub(crate) async fn consul() -> Vec<Record> {
    let space = faces::space().await;
    let (address, _stop) = faces::start(|stopping| {
        consul::router(Consul {
            space,
            stopping,
            node: "node".to_owned(),
            datacenter: "dc1".to_owned(),
            fairness: kubekv::fairness::Fairness::default(),
        })
    })
    .await;
    let simulation = Simulation::new(Protocol::Http, SourceUrl::Consul, address).await;
    simulation.run().await;
    simulation.recorder.records()
}

/// Records the journey over a real ZooKeeper, before which there is what a stock dockerd needs, or not.
pub(crate) async fn zookeeper(shim: bool) -> Vec<Record> {
    let server = ZooKeeper::start();
    let protocol = Protocol::ZooKeeper { shim };
    let url = |server| SourceUrl::ZooKeeper(vec![server], String::new());
    let simulation = Simulation::new(protocol, url, server.address).await;
    simulation.run().await;
    simulation.recorder.records()
}

/// Compares simulated hosts with the stored recording of real ones.
fn compare(store: Store, simulated: &[Record]) {
    std::fs::create_dir_all("target/docker_workload").unwrap();
    let file = format!("target/docker_workload/simulated-{}.jsonl", store.name());
    save(Path::new(&file), simulated);
    let real = Profile::of(&load(&stored(store)));
    let found = differences(&real, &Profile::of(simulated));
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_hosts_ask_of_etcd_what_real_ones_ask() {
    compare(Store::Etcd, &etcd().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_hosts_ask_of_consul_what_real_ones_ask() {
    compare(Store::Consul, &consul().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs ZooKeeper: tests/run"]
async fn simulated_hosts_ask_of_zookeeper_what_real_ones_ask() {
    compare(Store::ZooKeeper, &zookeeper(true).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs ZooKeeper: tests/run"]
async fn simulated_hosts_go_on_where_a_stock_dockerd_fails_on_zookeeper() {
    zookeeper(false).await;
}
