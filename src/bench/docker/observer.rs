//! Observer of a simulated fleet: what its steps and requests took.

use std::time::Duration;

use tokio::time::Instant;

use crate::bench::client::Failure;

/// What a daemon does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DockerStep {
    /// The daemon starts, up to its first heartbeat.
    DaemonStart,
    /// The daemon starts again after it ended without a word.
    DaemonRestart,
    /// The daemon ends as it should: it stops its containers first.
    DaemonStop,
    /// The daemon ends without a word.
    HostDeath,
    /// The host's entry among the nodes is written again.
    Heartbeat,
    /// `docker network create -d overlay`.
    NetworkCreate,
    /// `docker network ls`.
    NetworkList,
    /// `docker network inspect`.
    NetworkInspect,
    /// `docker network rm`.
    NetworkRemove,
    /// `docker run` of a container on an overlay network.
    ContainerStart,
    /// `docker stop`, or `docker rm -f`, of such a container.
    ContainerStop,
    /// A peer's endpoint came or went, and the endpoints of the network are listed again.
    EndpointsRefresh,
}

impl DockerStep {
    /// All steps.
    pub const ALL: [Self; 12] = [
        Self::DaemonStart,
        Self::DaemonRestart,
        Self::DaemonStop,
        Self::HostDeath,
        Self::Heartbeat,
        Self::NetworkCreate,
        Self::NetworkList,
        Self::NetworkInspect,
        Self::NetworkRemove,
        Self::ContainerStart,
        Self::ContainerStop,
        Self::EndpointsRefresh,
    ];

    /// Whether it happens of itself, not because a user asked for it.
    pub fn is_background(self) -> bool {
        match self {
            Self::Heartbeat | Self::EndpointsRefresh => true,
            Self::DaemonStart
            | Self::DaemonRestart
            | Self::DaemonStop
            | Self::HostDeath
            | Self::NetworkCreate
            | Self::NetworkList
            | Self::NetworkInspect
            | Self::NetworkRemove
            | Self::ContainerStart
            | Self::ContainerStop => false,
        }
    }

    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::DaemonStart => "daemon start",
            Self::DaemonRestart => "daemon restart",
            Self::DaemonStop => "daemon stop",
            Self::HostDeath => "host death",
            Self::Heartbeat => "heartbeat",
            Self::NetworkCreate => "network create",
            Self::NetworkList => "network list",
            Self::NetworkInspect => "network inspect",
            Self::NetworkRemove => "network remove",
            Self::ContainerStart => "container start",
            Self::ContainerStop => "container stop",
            Self::EndpointsRefresh => "endpoints refresh",
        }
    }
}

/// What a daemon asks of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreRequest {
    /// Reads a key, or whether it exists.
    Get,
    /// Reads the keys below a directory.
    List,
    /// Writes a key, or makes a directory.
    Put,
    /// Writes a key that must not exist, or must not have changed.
    CompareAndSwap,
    /// Deletes a key.
    Delete,
    /// Creates or renews a session, or takes a lock with it.
    Session,
    /// Asks for the servers of the cluster.
    Members,
    /// Waits for a change: its latency is how long it was parked.
    Watch,
}

impl StoreRequest {
    /// All requests.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::List,
        Self::Put,
        Self::CompareAndSwap,
        Self::Delete,
        Self::Session,
        Self::Members,
        Self::Watch,
    ];

    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Put => "put",
            Self::CompareAndSwap => "cas",
            Self::Delete => "delete",
            Self::Session => "session",
            Self::Members => "members",
            Self::Watch => "watch",
        }
    }
}

/// When a step was due, and what took how long.
#[derive(Clone, Copy, Debug)]
pub struct StepTiming {
    /// When it was due.
    pub due: Instant,
    /// When it began: later than due where the host still did something else.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
}

/// Observes every step and every request.
pub trait StepObserver: Send + Sync + 'static {
    /// A request ended.
    fn request(&self, request: StoreRequest, latency: Duration, failure: Option<&Failure>);

    /// A write lost against another host's and is tried again, as libnetwork does. It is no failure.
    fn conflict(&self);

    /// A step ended.
    fn step(&self, step: DockerStep, timing: &StepTiming, failure: Option<&StepFailure>);
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepFailure {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] Failure),
    /// The store has no such network, endpoint or pool.
    #[error("not found: {0}")]
    NotFound(&'static str),
    /// The network is in use.
    #[error("the network has active endpoints")]
    ActiveEndpoints,
    /// Another host wrote the same key, and dockerd gives up there.
    #[error("lost a race: {0}")]
    Race(&'static str),
    /// Nothing is left to allot.
    #[error("exhausted: {0}")]
    Exhausted(&'static str),
    /// A record is not what libnetwork writes.
    #[error("malformed record: {0}")]
    Malformed(&'static str),
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl StepObserver for NoObserver {
    fn request(&self, _request: StoreRequest, _latency: Duration, _failure: Option<&Failure>) {}

    fn conflict(&self) {}

    fn step(&self, _step: DockerStep, _timing: &StepTiming, _failure: Option<&StepFailure>) {}
}
