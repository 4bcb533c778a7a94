//! Fleets of simulated Docker hosts on kubekv: whatever the hosts do at the same time, Docker's records fit together.

#![cfg(test)]

mod records;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use kubekv::bench::docker::observer::DockerStep;
use kubekv::bench::docker::{EventRates, Fleet, FleetOptions, HostAction};
use kubekv::bench::target::LoadTarget;
use kubekv::config::{SourceAccess, SourceUrl};
use kubekv::guard::DockerGuard;
use support::faces;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::records::Records;
use crate::tally::Tally;

const HOSTS: u64 = 6;
const CONTAINERS: u64 = 6;

async fn fleet(url: SourceUrl, tally: &Arc<Tally>) -> Fleet {
    let access = SourceAccess::default();
    let target = LoadTarget::resolve(&url, &access, None, false).await;
    let options = FleetOptions {
        hosts: HOSTS,
        networks: 2,
        start_within: Duration::ZERO,
        ..FleetOptions::default()
    };
    let observer = Arc::<Tally>::clone(tally);
    let started = Fleet::start(target.unwrap(), options, observer).await;
    started.unwrap()
}

/// Starts or stops all containers of all hosts at the same time, half of them on each network.
async fn all_at_once(fleet: &Fleet, start: bool) {
    let mut tasks = JoinSet::new();
    for host in fleet.hosts() {
        for number in 0..CONTAINERS {
            let host = Arc::clone(host);
            let container = format!("c{}-{number}", host.number());
            let action = if start {
                HostAction::ContainerStart {
                    container,
                    network: format!("net-{}", number % 2),
                }
            } else {
                HostAction::ContainerStop { container }
            };
            tasks.spawn(async move { host.perform(&action, Instant::now()).await });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
}

async fn records_fit_together(
    url: SourceUrl,
    (servers, guard): &(faces::BothFaces, Arc<DockerGuard>),
) {
    let tally = Arc::new(Tally::default());
    let fleet = fleet(url, &tally).await;
    let before = Records::read(servers.etcd).await;
    assert_eq!(before.counts(), [0, 0]);

    all_at_once(&fleet, true).await;
    let during = Records::read(servers.etcd).await;
    let all = HOSTS * CONTAINERS;
    let addresses = u64::try_from(during.addresses().len()).unwrap();
    assert_eq!(addresses, all, "an address was given twice");
    assert_eq!(during.counts(), during.endpoints());
    assert_eq!(during.counts().iter().sum::<u64>(), all);
    assert_eq!(during.vnis().len(), 2, "a VXLAN id was given twice");
    let taken = all / 2;
    let free: Vec<u64> = before.free().iter().map(|free| free - taken).collect();
    assert_eq!(during.free(), free);

    all_at_once(&fleet, false).await;
    let after = Records::read(servers.etcd).await;
    assert_eq!(after.counts(), [0, 0]);
    assert!(after.addresses().is_empty());
    assert_eq!(after.bitmaps(), before.bitmaps());

    assert_eq!(tally.failures(), Vec::<String>::new());
    assert!(tally.conflicts() > 0, "the hosts never met");
    fleet.stop().await;
    assert_eq!((guard.refusals(), guard.quarantined()), (0, Vec::new()));
}

/// Both faces of a keyspace under the Docker guard, which has nothing to refuse.
async fn guarded() -> (faces::BothFaces, Arc<DockerGuard>) {
    let (space, guard) = faces::guarded_space().await;
    (faces::both_of(space).await, guard)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_fit_together_over_etcd() {
    let servers = guarded().await;
    let url = SourceUrl::Etcd2(vec![servers.0.etcd.to_string()]);
    records_fit_together(url, &servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_fit_together_over_consul() {
    let servers = guarded().await;
    let url = SourceUrl::Consul(servers.0.consul.to_string());
    records_fit_together(url, &servers).await;
}

/// Starts a container on the first network.
async fn start_one(fleet: &Fleet, host: usize, container: &str) {
    let action = HostAction::ContainerStart {
        container: container.to_owned(),
        network: "net-0".to_owned(),
    };
    let started = fleet.hosts()[host].perform(&action, Instant::now());
    started.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_starts_again_removes_what_it_left_behind() {
    let (servers, guard) = guarded().await;
    let tally = Arc::new(Tally::default());
    let url = SourceUrl::Etcd2(vec![servers.etcd.to_string()]);
    let fleet = fleet(url, &tally).await;
    let before = Records::read(servers.etcd).await;
    for container in ["lost-1", "lost-2"] {
        start_one(&fleet, 0, container).await;
    }
    start_one(&fleet, 1, "kept").await;

    let host = &fleet.hosts()[0];
    host.die(Instant::now()).await;
    let during = Records::read(servers.etcd).await;
    assert_eq!(during.counts().iter().sum::<u64>(), 3);
    host.start(Instant::now(), true).await.unwrap();
    let after = Records::read(servers.etcd).await;
    assert_eq!(after.counts().iter().sum::<u64>(), 1);
    assert_eq!(after.counts(), after.endpoints());
    assert_eq!(after.addresses().len(), 1);
    let taken = |records: &Records| records.free().iter().sum::<u64>();
    assert_eq!(taken(&after) + 1, taken(&before));
    assert_eq!(tally.failures(), Vec::<String>::new());
    fleet.stop().await;
    assert_eq!((guard.refusals(), guard.quarantined()), (0, Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_does_what_its_rates_say_and_clears_up() {
    let (servers, guard) = guarded().await;
    let tally = Arc::new(Tally::default());
    let url = SourceUrl::Consul(servers.consul.to_string());
    let access = SourceAccess::default();
    let target = LoadTarget::resolve(&url, &access, None, false);
    let options = FleetOptions {
        hosts: HOSTS,
        networks: 2,
        start_within: Duration::ZERO,
        heartbeat: Duration::from_millis(400),
        rates: EventRates {
            containers: 20.0,
            networks: 5.0,
            lists: 5.0,
            restarts: 1.0,
            deaths: 0.0,
        },
        ..FleetOptions::default()
    };
    let observer = Arc::<Tally>::clone(&tally);
    let fleet = Fleet::start(target.await.unwrap(), options, observer);
    let mut fleet = fleet.await.unwrap();
    fleet.run(Instant::now() + Duration::from_secs(2)).await;
    fleet.clear().await;
    for step in [
        DockerStep::ContainerStart,
        DockerStep::ContainerStop,
        DockerStep::NetworkCreate,
        DockerStep::NetworkList,
        DockerStep::DaemonRestart,
        DockerStep::Heartbeat,
    ] {
        assert!(tally.steps(step) > 0, "{}", step.name());
    }
    let after = Records::read(servers.etcd).await;
    assert_eq!(after.counts(), Vec::<u64>::new());
    assert!(after.bitmaps().is_empty());
    assert_eq!(tally.failures(), Vec::<String>::new());
    fleet.stop().await;
    assert_eq!((guard.refusals(), guard.quarantined()), (0, Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_at_rest_has_written_all_its_nodes_before_a_host_watches_them() {
    let (servers, _guard) = guarded().await;
    let mut lists = Vec::new();
    for (prefix, url) in [
        ("consul", SourceUrl::Consul(servers.consul.to_string())),
        ("etcd", SourceUrl::Etcd2(vec![servers.etcd.to_string()])),
    ] {
        let tally = Arc::new(Tally::default());
        let access = SourceAccess::default();
        let target = LoadTarget::resolve(&url, &access, None, false);
        let options = FleetOptions {
            hosts: HOSTS,
            networks: 0,
            start_within: Duration::ZERO,
            at_rest: true,
            // Both fleets are on one keyspace.
            prefix: prefix.to_owned(),
            ..FleetOptions::default()
        };
        let observer = Arc::<Tally>::clone(&tally);
        let fleet = Fleet::start(target.await.unwrap(), options, observer);
        let fleet = fleet.await.unwrap();
        assert_eq!(tally.heartbeats_before_starts(), Some(3 * HOSTS));
        assert_eq!(tally.steps(DockerStep::DaemonStart), HOSTS);
        lists.push(tally.lists());
        assert_eq!(tally.failures(), Vec::<String>::new());
        fleet.stop().await;
    }
    // Over etcd each host has listed the nodes, too; over Consul the first answer of its watch is that list.
    assert_eq!(lists[1], lists[0] + HOSTS);
}
