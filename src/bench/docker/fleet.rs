//! Fleet of simulated Docker hosts: started together, and given things to do at a rate.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::events::{EventClock, EventKind, EventRates};
use super::observer::{StepFailure, StepObserver};
use super::population::Population;
use super::{FleetGossip, Host, HostAction, HostContext, HostOptions};
use crate::bench::target::LoadTarget;
use crate::docker::DockerKeys;

/// The source addresses of hosts where the servers are on this machine.
const LOOPBACK: u32 = Ipv4Addr::new(127, 16, 0, 0).to_bits();

/// The advertised addresses of hosts elsewhere: those between a provider and its customers, which no network of Docker has.
const SHARED: u32 = Ipv4Addr::new(100, 64, 0, 0).to_bits();

/// How often a host of a fleet at rest has written its node entry: from the third time on, kubekv renews it.
const ANNOUNCED: u32 = 3;

/// How many hosts announce themselves at once.
const ANNOUNCING: usize = 64;

/// A fleet and what it does.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// How many hosts there are.
    pub hosts: u64,
    /// How many of them, the first ones, advertise their address. Every change of the list of nodes, heartbeats included, makes
    /// each of these read the whole list: thousands of them ask for more than any server can give. All do by default.
    pub advertising: u64,
    /// The path of `--cluster-store`, empty for none.
    pub prefix: String,
    /// How often a host says that it is there: 20 s, unless a daemon is told otherwise.
    pub heartbeat: Duration,
    /// After how long without a heartbeat a host's entry ends: 60 s, unless a daemon is told otherwise.
    pub ttl: Duration,
    /// Over which time the hosts are started.
    pub start_within: Duration,
    /// Whether all node entries are there, and were written several times, before any host watches them. Otherwise each host that
    /// starts wakes all that are there.
    pub at_rest: bool,
    /// How many networks there are before the first container.
    pub networks: u32,
    /// What happens each second.
    pub rates: EventRates,
    /// After how long a host that died starts again.
    pub revival: Duration,
    /// What chance begins with.
    pub seed: u64,
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self {
            hosts: 10,
            advertising: u64::MAX,
            prefix: String::new(),
            heartbeat: Duration::from_secs(20),
            ttl: Duration::from_secs(60),
            start_within: Duration::from_secs(20),
            at_rest: false,
            networks: 1,
            rates: EventRates::default(),
            revival: Duration::from_secs(120),
            seed: 0,
        }
    }
}

/// Hosts that run.
#[derive(Debug)]
pub struct Fleet {
    hosts: Vec<Arc<Host>>,
    options: FleetOptions,
    population: Population,
    /// Events that have begun.
    running: JoinSet<()>,
    /// Deaths, which last until the host starts again.
    deaths: JoinSet<()>,
}

impl Fleet {
    /// Starts the hosts, and creates the networks. If the first host or a network fails, there is no fleet; the failures of
    /// others are the observer's to count.
    pub async fn start(
        target: LoadTarget,
        options: FleetOptions,
        observer: Arc<dyn StepObserver>,
    ) -> Result<Self, StepFailure> {
        let gossip = Arc::new(FleetGossip::default());
        // dockerd has no other chroot than its prefix.
        let prefix = format!("{}/{}", target.chroot, options.prefix);
        let prefix = prefix.trim_matches('/').to_owned();
        let context = HostContext {
            target: Arc::new(with_source_addresses(target)),
            keys: Arc::new(DockerKeys::new(&prefix)),
            gossip: Arc::<FleetGossip>::clone(&gossip),
            observer,
            epoch: Instant::now(),
        };
        let mut random = fastrand::Rng::with_seed(options.seed);
        let mut hosts = Vec::new();
        for number in 0..options.hosts {
            let options = HostOptions {
                number,
                advertises: number < options.advertising,
                dns: Vec::new(),
                address: address(&context.target, number),
                global_first: random.bool(),
                heartbeat: options.heartbeat,
                phase: share(options.heartbeat, number, options.hosts),
                ttl: options.ttl,
            };
            let host = Arc::new(Host::new(context.clone(), options)?);
            gossip.add(&host);
            hosts.push(host);
        }
        let fleet = Self {
            population: Population::new(random),
            hosts,
            options,
            running: JoinSet::new(),
            deaths: JoinSet::new(),
        };
        let mut began = context.epoch;
        if fleet.options.at_rest {
            fleet.announce().await;
            began = Instant::now();
        }
        fleet.start_hosts(began).await?;
        fleet.create_networks().await?;
        Ok(fleet)
    }

    /// The hosts, by number.
    pub fn hosts(&self) -> &[Arc<Host>] {
        &self.hosts
    }

    /// What runs on the hosts.
    pub fn population(&self) -> &Population {
        &self.population
    }

    /// Lets things happen at the rates, until a time. Each happens when it is due, however long the others take; what has not
    /// ended by then goes on.
    pub async fn run(&mut self, until: Instant) {
        let mut clock = EventClock::new(&self.options.rates, Instant::now());
        while let Some((due, kind)) = clock.next().filter(|(due, _)| *due < until) {
            sleep_until(due).await;
            while self.running.try_join_next().is_some() {}
            while self.deaths.try_join_next().is_some() {}
            let Some(event) = self.population.choose(kind, &self.hosts) else {
                continue;
            };
            let population = self.population.clone();
            match kind {
                EventKind::Death => {
                    let revival = self.options.revival;
                    self.deaths.spawn(event.happen(population, due, revival));
                }
                EventKind::Container
                | EventKind::Network
                | EventKind::List
                | EventKind::Restart => {
                    self.running
                        .spawn(event.happen(population, due, Duration::ZERO));
                }
            }
        }
        sleep_until(until).await;
    }

    /// Waits for what has begun, then stops all containers and removes all networks, so that the store is as at the beginning
    /// but for the nodes and for what dead hosts left.
    pub async fn clear(&mut self) {
        while self.running.join_next().await.is_some() {}
        self.deaths.abort_all();
        let due = Instant::now();
        let mut stopping = JoinSet::new();
        for event in self.population.stop_all() {
            stopping.spawn(event.happen(self.population.clone(), due, Duration::ZERO));
        }
        while stopping.join_next().await.is_some() {}
        for event in self.population.remove_all(&self.hosts) {
            event
                .happen(self.population.clone(), due, Duration::ZERO)
                .await;
        }
    }

    /// Ends all hosts without a word.
    pub async fn stop(self) {
        let due = Instant::now();
        for host in &self.hosts {
            host.die(due).await;
        }
    }

    /// Writes the node entries of all hosts. One that fails does so again when it starts, and is counted then.
    async fn announce(&self) {
        let mut announcing = JoinSet::new();
        for host in &self.hosts {
            if announcing.len() >= ANNOUNCING {
                let _one = announcing.join_next().await;
            }
            let host = Arc::clone(host);
            announcing.spawn(async move { host.announce(ANNOUNCED).await });
        }
        while announcing.join_next().await.is_some() {}
    }

    async fn start_hosts(&self, epoch: Instant) -> Result<(), StepFailure> {
        let mut hosts = self.hosts.iter();
        if let Some(first) = hosts.next() {
            first.start(epoch, false).await?;
        }
        let mut starting = JoinSet::new();
        for host in hosts {
            let host = Arc::clone(host);
            let after = share(self.options.start_within, host.number(), self.options.hosts);
            let at_rest = self.options.at_rest;
            starting.spawn(async move {
                sleep_until(epoch + after).await;
                let started = host.start(epoch + after, false).await;
                // On ZooKeeper each host reads the entry of each other one: of a fleet at rest all have done so.
                if at_rest && started.is_ok() {
                    host.nodes_listed().await;
                }
                started
            });
        }
        while starting.join_next().await.is_some() {}
        Ok(())
    }

    async fn create_networks(&self) -> Result<(), StepFailure> {
        for number in 0..self.options.networks {
            let Some(host) = self.population.any_host(&self.hosts) else {
                return Ok(());
            };
            let name = format!("net-{number}");
            let create = HostAction::NetworkCreate {
                name: name.clone(),
                subnet: None,
            };
            host.perform(&create, Instant::now()).await?;
            self.population.add_network(name);
        }
        Ok(())
    }
}

/// A host's part of a duration, in order of the hosts.
fn share(whole: Duration, number: u64, of: u64) -> Duration {
    let nanoseconds = whole.as_nanos() * u128::from(number) / u128::from(of.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// The target, with an address of its own for each host if the servers are on this machine.
fn with_source_addresses(mut target: LoadTarget) -> LoadTarget {
    let local = |address: IpAddr| matches!(address, IpAddr::V4(address) if address.is_loopback());
    let servers = target.servers.iter();
    if target.bind.is_none() && servers.map(|server| server.address.ip()).all(local) {
        target.bind = format!("{}/12", Ipv4Addr::from_bits(LOOPBACK)).parse().ok();
    }
    target
}

fn address(target: &LoadTarget, number: u64) -> IpAddr {
    if let Some(range) = target.bind {
        return range.address(number);
    }
    let number = u32::try_from(number).unwrap_or(0);
    Ipv4Addr::from_bits(SHARED.wrapping_add(number).wrapping_add(1)).into()
}
