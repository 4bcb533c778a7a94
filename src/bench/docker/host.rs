//! Simulated Docker host: a daemon with its connections, its heartbeat and its watches.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::action::HostAction;
use super::libkv::{HttpConnections, KvError, KvStore, LockMonitor};
use super::libnetwork::{Daemon, DaemonIdentity, Datastore, Gossip};
use super::observer::{DockerStep, StepFailure, StepObserver, StepTiming};
use crate::bench::client::Failure;
use crate::bench::target::{LoadTarget, TargetProtocol};
use crate::docker::DockerKeys;

/// How long after its start a daemon first says that it is there.
const FIRST_HEARTBEAT: Duration = Duration::from_millis(500);

/// The port that a daemon advertises.
const PORT: u16 = 2376;

/// What a host knows of itself and its fleet.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The host's number, which chooses its source address and its first server.
    pub number: u64,
    /// Its address.
    pub address: IpAddr,
    /// Whether it advertises its address: `--cluster-advertise`. Otherwise it neither is among the nodes nor hears of them.
    pub advertises: bool,
    /// The DNS servers of its containers: `--dns`.
    pub dns: Vec<IpAddr>,
    /// Whether its daemon looks into the cluster store before the local one.
    pub global_first: bool,
    /// How often it says that it is there.
    pub heartbeat: Duration,
    /// When, within that time, it does so.
    pub phase: Duration,
    /// After how long without a heartbeat its entry ends.
    pub ttl: Duration,
}

/// What all hosts of a fleet share.
#[derive(Clone)]
pub struct HostContext {
    /// The servers.
    pub target: Arc<LoadTarget>,
    /// The keys of the records.
    pub keys: Arc<DockerKeys>,
    /// The gossip between the hosts.
    pub gossip: Arc<dyn Gossip>,
    /// Who observes what happens.
    pub observer: Arc<dyn StepObserver>,
    /// From when on heartbeats are counted.
    pub epoch: Instant,
}

impl std::fmt::Debug for HostContext {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("HostContext")
            .finish_non_exhaustive()
    }
}

/// A host.
pub struct Host {
    options: HostOptions,
    context: HostContext,
    advertise: String,
    /// The client of node discovery; the daemon has two more.
    discovery: KvStore,
    daemon: tokio::sync::Mutex<Daemon>,
    driver: Arc<tokio::sync::Mutex<super::libnetwork::OverlayDriver>>,
    store_is_back: Arc<Notify>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    is_alive: AtomicBool,
    /// Whether its node entry was written before the daemon starts.
    is_announced: AtomicBool,
    /// Whether its first list of the nodes has ended, well or not.
    has_listed_nodes: watch::Sender<bool>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Host")
            .field("advertise", &self.advertise)
            .finish_non_exhaustive()
    }
}

impl Host {
    /// A host whose daemon has not started.
    pub fn new(context: HostContext, options: HostOptions) -> Result<Self, StepFailure> {
        let connections = Arc::new(HttpConnections::new(
            Arc::clone(&context.target),
            options.number,
            Arc::clone(&context.observer),
        ));
        let client = || client(&context, options.number, &connections);
        let datastore = |client| {
            let keys = Arc::clone(&context.keys);
            Datastore::new(client, keys, Arc::clone(&context.observer))
        };
        let identity = DaemonIdentity {
            name: format!("host-{}", options.number),
            address: if options.advertises {
                options.address.to_string()
            } else {
                String::new()
            },
            dns: options.dns.iter().map(IpAddr::to_string).collect(),
            global_first: options.global_first,
        };
        let (store, driver_store) = (datastore(client()?), datastore(client()?));
        let gossip = Arc::clone(&context.gossip);
        let daemon = Daemon::new(identity, store, driver_store, gossip);
        Ok(Self {
            advertise: format!("{}:{PORT}", options.address),
            discovery: client()?,
            driver: daemon.driver(),
            store_is_back: daemon.store_is_back(),
            daemon: tokio::sync::Mutex::new(daemon),
            context,
            tasks: Mutex::new(Vec::new()),
            is_alive: AtomicBool::new(false),
            is_announced: AtomicBool::new(false),
            has_listed_nodes: watch::Sender::new(!options.advertises),
            options,
        })
    }

    /// The host's number.
    pub fn number(&self) -> u64 {
        self.options.number
    }

    /// The address that it advertises, with its port.
    pub fn advertise(&self) -> &str {
        &self.advertise
    }

    /// Starts the daemon, for the first time or again.
    pub async fn start(self: &Arc<Self>, due: Instant, again: bool) -> Result<(), StepFailure> {
        let mut daemon = self.daemon.lock().await;
        let began = Instant::now();
        let started = async {
            self.is_alive.store(true, Ordering::Release);
            if self.options.advertises {
                self.join_nodes(began).await?;
            }
            if again {
                daemon.restart().await
            } else {
                daemon.start().await
            }
        };
        let result = started.await;
        let step = if again {
            DockerStep::DaemonRestart
        } else {
            DockerStep::DaemonStart
        };
        self.report(step, due, began, &result);
        result
    }

    /// Writes its node entry several times before the daemon starts, as if it had been there for so many heartbeats.
    pub(super) async fn announce(&self, heartbeats: u32) -> Result<(), StepFailure> {
        if !self.options.advertises {
            return Ok(());
        }
        self.discovery.connect().await.map_err(failure)?;
        self.is_announced.store(true, Ordering::Release);
        for _ in 0..heartbeats {
            self.heartbeat(Instant::now()).await?;
        }
        Ok(())
    }

    /// Waits until a host that has started has listed the nodes once, or failed to.
    pub(super) async fn nodes_listed(&self) {
        // The host keeps the sender.
        let mut has_listed = self.has_listed_nodes.subscribe();
        let _listed = has_listed.wait_for(|has| *has).await;
    }

    /// Does something, after what it does now.
    pub async fn perform(&self, action: &HostAction, due: Instant) -> Result<(), StepFailure> {
        let mut daemon = self.daemon.lock().await;
        let began = Instant::now();
        let result = action.perform(&mut daemon).await;
        self.report(action.step(), due, began, &result);
        result
    }

    /// Ends the daemon as it should end. Its containers are stopped; its entry among the nodes stays until its TTL has passed.
    pub async fn stop(&self, due: Instant) -> Result<(), StepFailure> {
        let began = Instant::now();
        let result = self.daemon.lock().await.stop().await;
        self.vanish().await;
        self.report(DockerStep::DaemonStop, due, began, &result);
        result
    }

    /// Ends the daemon without a word, once it has done what it does now: its connections are closed, its entry among the
    /// nodes ends with its TTL, and its endpoints stay until it starts again.
    pub async fn die(&self, due: Instant) {
        let began = Instant::now();
        self.vanish().await;
        self.report(DockerStep::HostDeath, due, began, &Ok(()));
    }

    async fn vanish(&self) {
        self.is_alive.store(false, Ordering::Release);
        for task in self.tasks.lock().drain(..) {
            task.abort();
        }
        self.daemon.lock().await.die().await;
        self.discovery.disconnect().await;
    }

    /// Hears, by gossip, of an endpoint on a network: the overlay driver reads the network if it does not know it.
    pub fn hear_of(self: &Arc<Self>, network: &str) {
        if let Ok(driver) = self.driver.try_lock()
            && driver.knows(network)
        {
            return;
        }
        if !self.is_alive() || !self.options.advertises {
            return;
        }
        let (driver, network) = (Arc::clone(&self.driver), network.to_owned());
        let learning = tokio::spawn(async move {
            // A network that is gone again is ignored.
            let _learned = driver.lock().await.learn(&network).await;
        });
        let mut tasks = self.tasks.lock();
        tasks.retain(|task| !task.is_finished());
        tasks.push(learning);
    }

    /// Begins to be among the nodes, and to watch them.
    async fn join_nodes(self: &Arc<Self>, began: Instant) -> Result<(), StepFailure> {
        // The daemon has two more clients: one for the networks, one for its overlay driver.
        let first = if self.is_announced.swap(false, Ordering::AcqRel) {
            self.next_heartbeat(began)
        } else {
            self.discovery.connect().await.map_err(failure)?;
            began + FIRST_HEARTBEAT
        };
        let tasks = [
            tokio::spawn(Arc::clone(self).watch_nodes()),
            tokio::spawn(Arc::clone(self).keep_alive(first)),
        ];
        self.tasks.lock().extend(tasks);
        Ok(())
    }

    /// Watches the nodes for as long as the daemon lives.
    async fn watch_nodes(self: Arc<Self>) {
        let nodes = self.context.keys.nodes().to_owned();
        while self.is_alive() {
            let exists = self.discovery.exists(&nodes).await;
            if !exists.unwrap_or(false) {
                // A failure shows in the watch, too.
                let _made = self.discovery.make_dir(&nodes).await;
            }
            let mut watch = self.discovery.watch_tree(nodes.clone());
            let mut list = watch.next().await;
            self.has_listed_nodes.send_replace(true);
            while list.is_ok() {
                self.store_is_back.notify_waiters();
                list = watch.next().await;
            }
            sleep(self.options.heartbeat).await;
        }
    }

    /// Writes the host's entry among the nodes, again and again, from a time on.
    async fn keep_alive(self: Arc<Self>, first: Instant) {
        let mut due = first;
        while self.is_alive() {
            sleep_until(due).await;
            // A failure is the observer's to count; the next one may succeed.
            let _written = self.heartbeat(due).await;
            due = self.next_heartbeat(due);
        }
    }

    fn is_alive(&self) -> bool {
        self.is_alive.load(Ordering::Acquire)
    }

    /// The first heartbeat after a time that is in step with the fleet's.
    fn next_heartbeat(&self, last: Instant) -> Instant {
        let period = self.options.heartbeat.max(Duration::from_millis(1));
        let first = self.context.epoch + self.options.phase;
        let Some(since) = last.checked_duration_since(first) else {
            return first;
        };
        let passed = since.as_nanos() / period.as_nanos() + 1;
        first + period * u32::try_from(passed).unwrap_or(u32::MAX)
    }

    async fn heartbeat(&self, due: Instant) -> Result<(), StepFailure> {
        let began = Instant::now();
        let key = self.context.keys.node(&self.advertise);
        let value = self.advertise.as_bytes();
        let monitor = |lock: LockMonitor| self.tasks.lock().push(tokio::spawn(lock.run()));
        let written = self
            .discovery
            .put_with_ttl(&key, value, self.options.ttl, &monitor);
        let result = written.await.map_err(failure);
        self.report(DockerStep::Heartbeat, due, began, &result);
        result
    }

    fn report(
        &self,
        step: DockerStep,
        due: Instant,
        began: Instant,
        result: &Result<(), StepFailure>,
    ) {
        let timing = StepTiming {
            due,
            began,
            ended: Instant::now(),
        };
        let failure = result.as_ref().err();
        self.context.observer.step(step, &timing, failure);
    }
}

fn client(
    context: &HostContext,
    number: u64,
    connections: &Arc<HttpConnections>,
) -> Result<KvStore, StepFailure> {
    let connections = Arc::clone(connections);
    match context.target.protocol {
        TargetProtocol::Consul => Ok(KvStore::consul(connections)),
        TargetProtocol::Etcd2 => Ok(KvStore::etcd(connections)),
        TargetProtocol::ZooKeeper => {
            let observer = Arc::clone(&context.observer);
            let target = Arc::clone(&context.target);
            Ok(KvStore::zookeeper(target, number, observer))
        }
        TargetProtocol::Etcd3 | TargetProtocol::Kubernetes => {
            Err(Failure::Unsupported("dockerd does not speak this protocol").into())
        }
    }
}

fn failure(error: KvError) -> StepFailure {
    match error {
        KvError::NotFound => StepFailure::NotFound("key"),
        KvError::Modified | KvError::Exists => StepFailure::Race("key modified"),
        KvError::Failed(failure) => StepFailure::Request(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::docker::FleetGossip;
    use crate::bench::docker::observer::NoObserver;
    use crate::config::{SourceAccess, SourceUrl};

    #[tokio::test]
    async fn heartbeats_are_in_step_from_the_first_one_on() {
        let url = SourceUrl::Etcd2(vec!["127.0.0.1:1".to_owned()]);
        let target = LoadTarget::resolve(&url, &SourceAccess::default(), None, false).await;
        let epoch = Instant::now();
        let context = HostContext {
            target: Arc::new(target.unwrap()),
            keys: Arc::new(DockerKeys::new("")),
            gossip: Arc::new(FleetGossip::default()),
            observer: Arc::new(NoObserver),
            epoch,
        };
        let options = HostOptions {
            number: 0,
            address: [127, 0, 0, 1].into(),
            advertises: true,
            dns: Vec::new(),
            global_first: false,
            heartbeat: Duration::from_secs(20),
            phase: Duration::from_secs(19),
            ttl: Duration::from_secs(60),
        };
        let host = Host::new(context, options).unwrap();
        let after = |seconds| {
            let at = host.next_heartbeat(epoch + Duration::from_secs(seconds));
            (at - epoch).as_secs()
        };
        assert_eq!([0, 18, 19, 38, 39].map(after), [19, 19, 39, 39, 59]);
    }
}
