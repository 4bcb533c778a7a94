//! Gateway handle: the clock, the endpoints and the timeline of the gateway, as clients and checks see them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// The protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    Consul,
    Etcd,
}

/// A request that one of several gateways received may take effect in a later generation: a connection that arrived
/// without a leader waits for the next leader, and the gateway itself may become the leader again. It takes no effect
/// from this many generations later on.
const DEFERRED_GENERATIONS: usize = 3;

/// The addresses on which a gateway listens, and its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub generation: usize,
    pub consul: SocketAddr,
    pub etcd: SocketAddr,
    pub zookeeper: SocketAddr,
}

impl Endpoints {
    pub fn address(&self, face: Face) -> SocketAddr {
        match face {
            Face::Consul => self.consul,
            Face::Etcd => self.etcd,
        }
    }
}

/// The times at which the gateway started, ended or was stopped, in nanoseconds since the run began.
#[derive(Clone, Debug, Default)]
pub struct GatewayTimeline {
    /// The start of each generation: of a process, or of the leadership of one of several gateways.
    pub generations: Vec<u64>,
    /// When a gateway began to serve: the earliest and the latest possible time.
    pub began: Vec<(u64, u64)>,
    /// The end of each generation, if it is certain.
    pub ended: BTreeMap<usize, u64>,
    /// The intervals in which the gateway's process was stopped.
    pub stopped: Vec<(u64, u64)>,
    /// The times of cluster faults, after which the leader may have changed.
    pub cluster_faults: Vec<u64>,
}

impl GatewayTimeline {
    pub fn generation(&self) -> usize {
        self.generations.len() - 1
    }

    pub fn begin(&mut self, now: u64) {
        self.generations.push(now);
        self.began.push((now, now));
    }
}

/// A clonable handle to the gateway for clients.
#[derive(Clone, Debug)]
pub struct GatewayHandle {
    zero: Instant,
    leader: watch::Receiver<Option<Endpoints>>,
    /// A standby, which relays requests to the leader.
    standby: watch::Receiver<Option<Endpoints>>,
    connections: Arc<AtomicUsize>,
    is_shared: bool,
    timeline: Arc<Mutex<GatewayTimeline>>,
}

/// The side of a handle that announces endpoints to clients.
#[derive(Debug)]
pub struct EndpointSenders {
    pub leader: watch::Sender<Option<Endpoints>>,
    pub standby: watch::Sender<Option<Endpoints>>,
}

impl GatewayHandle {
    /// A handle whose clock starts now; `is_shared` if several gateways share the store.
    pub fn new(is_shared: bool) -> (EndpointSenders, Self) {
        let (leader_sender, leader) = watch::channel(None);
        let (standby_sender, standby) = watch::channel(None);
        let senders = EndpointSenders {
            leader: leader_sender,
            standby: standby_sender,
        };
        let handle = Self {
            zero: Instant::now(),
            leader,
            standby,
            connections: Arc::default(),
            is_shared,
            timeline: Arc::default(),
        };
        (senders, handle)
    }

    /// Nanoseconds since the run began.
    /// Whether several gateways share the store.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    pub fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap()
    }

    /// The endpoints for the next connection: of the leader, and every third time of the standby.
    pub fn endpoints(&self) -> Endpoints {
        let standby = *self.standby.borrow();
        if let Some(standby) = standby
            && self.connections.fetch_add(1, Ordering::Relaxed) % 3 == 2
        {
            return standby;
        }
        self.leader.borrow().expect("the gateway was started")
    }

    /// Waits until the endpoints may have changed.
    pub async fn endpoints_changed(&mut self) {
        self.leader.mark_unchanged();
        let limit = Duration::from_millis(20);
        let _changed = tokio::time::timeout(limit, self.leader.changed()).await;
    }

    /// The generation that receives a request over a connection to these endpoints. A standby may outlive many
    /// generations: the current leader may execute what the standby receives now.
    pub fn generation(&self, endpoints: Endpoints) -> usize {
        if self.is_shared {
            self.timeline.lock().generation()
        } else {
            endpoints.generation
        }
    }

    /// The time until which a request that a generation received can take effect; `u64::MAX` while the generation
    /// lives.
    pub fn end_of(&self, generation: usize) -> u64 {
        let timeline = self.timeline.lock();
        let later = generation + DEFERRED_GENERATIONS;
        let ended = timeline.ended.get(&generation);
        let ended = ended.or_else(|| timeline.generations.get(later).filter(|_| self.is_shared));
        ended.copied().unwrap_or(u64::MAX)
    }

    /// A copy of the timeline.
    pub fn timeline(&self) -> GatewayTimeline {
        self.timeline.lock().clone()
    }

    /// Changes the timeline.
    pub fn update<T>(&self, change: impl FnOnce(&mut GatewayTimeline) -> T) -> T {
        change(&mut self.timeline.lock())
    }
}
