//! A client of any protocol.

use std::sync::Arc;

use crate::bench::client::{
    ApiServerClient, Consistency, ConsulClient, Etcd2Client, Failure, HeldLock, Outcome,
};
use crate::bench::etcd3::Etcd3Client;
use crate::bench::target::{LoadTarget, TargetProtocol};
use crate::bench::zookeeper::ZooKeeperClient;

/// A client of the target's protocol.
#[derive(Debug)]
pub enum AnyClient {
    /// Of Consul.
    Consul(Box<ConsulClient>),
    /// Of etcd, version 2.
    Etcd2(Box<Etcd2Client>),
    /// Of etcd, version 3.
    Etcd3(Box<Etcd3Client>),
    /// Of ZooKeeper.
    ZooKeeper(Box<ZooKeeperClient>),
    /// Of a Kubernetes API server.
    ApiServer(Box<ApiServerClient>),
}

/// Calls a method on the client of each protocol.
macro_rules! each {
    ($self:ident, $client:ident => $call:expr) => {
        match $self {
            Self::Consul($client) => $call,
            Self::Etcd2($client) => $call,
            Self::Etcd3($client) => $call,
            Self::ZooKeeper($client) => $call,
            Self::ApiServer($client) => $call,
        }
    };
}

/// Why another protocol does not perform an operation.
const ONLY_ZOOKEEPERS: Failure = Failure::Unsupported("only ZooKeeper has this operation");

impl AnyClient {
    /// The client of a number, not yet connected.
    pub fn new(target: &Arc<LoadTarget>, number: u64, consistency: Consistency) -> Self {
        let own = Arc::clone(target);
        match target.protocol {
            TargetProtocol::Consul => {
                Self::Consul(Box::new(ConsulClient::new(own, number, consistency)))
            }
            TargetProtocol::Etcd2 => {
                Self::Etcd2(Box::new(Etcd2Client::new(own, number, consistency)))
            }
            TargetProtocol::Etcd3 => {
                Self::Etcd3(Box::new(Etcd3Client::new(own, number, consistency)))
            }
            TargetProtocol::ZooKeeper => {
                Self::ZooKeeper(Box::new(ZooKeeperClient::new(own, number, consistency)))
            }
            TargetProtocol::Kubernetes => {
                Self::ApiServer(Box::new(ApiServerClient::new(own, number, consistency)))
            }
        }
    }

    /// Reads a key.
    pub async fn get(&mut self, key: &str) -> Result<Outcome, Failure> {
        each!(self, client => client.get(key).await)
    }

    /// Another client that sends over the same connection, without waiting for the answers of this one; `None` where the
    /// client of a protocol cannot.
    pub fn on_same_connection(&self) -> Option<Self> {
        match self {
            Self::Consul(_) | Self::Etcd2(_) | Self::Etcd3(_) | Self::ApiServer(_) => None,
            Self::ZooKeeper(client) => Some(Self::ZooKeeper(Box::new(client.on_same_session()))),
        }
    }

    /// Reads the metadata of a key.
    pub async fn stat(&mut self, key: &str) -> Result<Outcome, Failure> {
        match self {
            Self::Consul(_) | Self::Etcd2(_) | Self::Etcd3(_) | Self::ApiServer(_) => {
                Err(ONLY_ZOOKEEPERS)
            }
            Self::ZooKeeper(client) => client.stat(key).await,
        }
    }

    /// Creates an ephemeral node whose name is followed by a sequence number, and deletes it.
    pub async fn ephemeral(&mut self, name: &str, value: &[u8]) -> Result<Outcome, Failure> {
        match self {
            Self::Consul(_) | Self::Etcd2(_) | Self::Etcd3(_) | Self::ApiServer(_) => {
                Err(ONLY_ZOOKEEPERS)
            }
            Self::ZooKeeper(client) => client.ephemeral(name, value).await,
        }
    }

    /// Reads all keys with a prefix.
    pub async fn list(&mut self, prefix: &str) -> Result<Outcome, Failure> {
        each!(self, client => client.list(prefix).await)
    }

    /// Writes a key.
    pub async fn put(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        each!(self, client => client.put(key, value).await)
    }

    /// Reads what the next compare-and-swap of a key compares with, where that is not known.
    pub async fn prepare_cas(&mut self, key: &str) -> Result<(), Failure> {
        each!(self, client => client.prepare_cas(key).await)
    }

    /// Writes a key that has not changed since it was last read or written by this client.
    pub async fn cas(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        each!(self, client => client.cas(key, value).await)
    }

    /// Writes a key that must not exist.
    pub async fn create(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        each!(self, client => client.create(key, value).await)
    }

    /// Deletes a key.
    pub async fn delete(&mut self, key: &str) -> Result<Outcome, Failure> {
        each!(self, client => client.delete(key).await)
    }

    /// Takes a lock, waiting for its holder.
    pub async fn lock(&mut self, key: &str) -> Result<HeldLock, Failure> {
        each!(self, client => client.lock(key).await)
    }

    /// Gives a lock back.
    pub async fn unlock(&mut self, key: &str, held: HeldLock) -> Result<(), Failure> {
        each!(self, client => client.unlock(key, held).await)
    }

    /// Opens a session that nobody renews and that needs no connection; a key of this name where the protocol has only keys that
    /// end by themselves.
    pub async fn open_session(&mut self, name: &str) -> Result<Outcome, Failure> {
        match self {
            Self::Consul(client) => client.open_session().await,
            Self::Etcd2(client) => client.open_session(name).await,
            Self::Etcd3(client) => client.open_session().await,
            Self::ZooKeeper(client) => client.open_session().await,
            Self::ApiServer(_) => Err(Failure::Unsupported("the API server has no sessions")),
        }
    }

    /// Waits for the next change of a key by a blocking query or a one-shot watch; the first call returns at once.
    pub async fn poll(&mut self, key: &str) -> Result<Outcome, Failure> {
        each!(self, client => client.poll(key).await)
    }

    /// Waits for the next event of a key on a stream; the first call returns when the stream has begun.
    pub async fn watch(&mut self, key: &str) -> Result<Outcome, Failure> {
        match self {
            Self::Consul(_) => Err(Failure::Unsupported(
                "Consul has no streams of events: use poll, its blocking queries",
            )),
            Self::Etcd2(client) => client.watch(key).await,
            Self::Etcd3(client) => client.watch(key).await,
            Self::ZooKeeper(client) => client.watch(key).await,
            Self::ApiServer(client) => client.watch(key).await,
        }
    }
}
