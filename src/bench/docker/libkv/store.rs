//! Store of a daemon, in any protocol.

use std::sync::Arc;
use std::time::Duration;

use super::consul::ConsulStore;
use super::consul_ttl::LockMonitor;
use super::consul_watch::ConsulWatch;
use super::etcd::EtcdStore;
use super::etcd_watch::EtcdWatch;
use super::list::ProtocolList;
use super::watch::ProtocolWatch;
use super::zookeeper::ZooKeeperStore;
use super::zookeeper_watch::ZooKeeperWatch;
use super::{HttpConnections, KeyWatch, KvError, KvList, KvPair, TreeWatch};
use crate::bench::docker::observer::StepObserver;
use crate::bench::target::LoadTarget;

/// A client of a cluster store.
#[derive(Clone, Debug)]
pub enum KvStore {
    /// On Consul.
    Consul(ConsulStore),
    /// On etcd.
    Etcd(EtcdStore),
    /// On ZooKeeper.
    ZooKeeper(ZooKeeperStore),
}

impl KvStore {
    /// A client of Consul.
    pub fn consul(connections: Arc<HttpConnections>) -> Self {
        Self::Consul(ConsulStore::new(connections))
    }

    /// A client of etcd.
    pub fn etcd(connections: Arc<HttpConnections>) -> Self {
        Self::Etcd(EtcdStore::new(connections))
    }

    /// A client of ZooKeeper, with a session of its own.
    pub fn zookeeper(target: Arc<LoadTarget>, host: u64, observer: Arc<dyn StepObserver>) -> Self {
        Self::ZooKeeper(ZooKeeperStore::new(target, host, observer))
    }

    /// Drops the connections that are not in use without a word.
    pub async fn disconnect(&self) {
        match self {
            Self::Consul(store) => store.disconnect(),
            Self::Etcd(store) => store.disconnect(),
            Self::ZooKeeper(store) => store.disconnect().await,
        }
    }

    /// What a new client asks at once.
    pub async fn connect(&self) -> Result<(), KvError> {
        match self {
            Self::Consul(_) => Ok(()),
            Self::Etcd(store) => store.sync().await,
            Self::ZooKeeper(store) => store.connect().await,
        }
    }

    /// Reads a key.
    pub async fn get(&self, key: &str) -> Result<KvPair, KvError> {
        match self {
            Self::Consul(store) => store.get(key).await,
            Self::Etcd(store) => store.get(key).await,
            Self::ZooKeeper(store) => store.get(key).await,
        }
    }

    /// Whether a key exists.
    pub async fn exists(&self, key: &str) -> Result<bool, KvError> {
        match self {
            Self::Consul(store) => match store.get(key).await {
                Ok(_) => Ok(true),
                Err(KvError::NotFound) => Ok(false),
                Err(error) => Err(error),
            },
            Self::Etcd(store) => store.exists(key).await,
            Self::ZooKeeper(store) => store.exists(key).await,
        }
    }

    /// Makes a directory.
    pub async fn make_dir(&self, key: &str) -> Result<(), KvError> {
        match self {
            Self::Consul(store) => store.put(key, &[]).await,
            Self::Etcd(store) => match store.make_dir(key).await {
                // Another host was first.
                Err(KvError::NotFound) => Ok(()),
                made => made,
            },
            Self::ZooKeeper(store) => store.put(key, &[], false).await,
        }
    }

    /// Writes a key that ends after a time. `watch` gets the monitor of a lock, which is to run for as long as the host lives.
    pub async fn put_with_ttl(
        &self,
        key: &str,
        value: &[u8],
        ttl: Duration,
        watch: &(dyn Fn(LockMonitor) + Send + Sync),
    ) -> Result<(), KvError> {
        match self {
            Self::Consul(store) => store.put_with_ttl(key, value, ttl, watch).await,
            Self::Etcd(store) => store.put(key, value, Some(ttl)).await,
            Self::ZooKeeper(store) => store.put(key, value, true).await,
        }
    }

    /// The keys below a directory.
    pub async fn list(&self, directory: &str) -> Result<KvList, KvError> {
        let list = match self {
            Self::Consul(store) => ProtocolList::Consul(store.list(directory).await?),
            Self::Etcd(store) => ProtocolList::Etcd(store.list(directory).await?),
            Self::ZooKeeper(store) => ProtocolList::ZooKeeper(store.list(directory).await?),
        };
        Ok(KvList(list))
    }

    /// Writes a key that still has an index, or does not exist. Returns its new index.
    pub async fn atomic_put(
        &self,
        key: &str,
        value: &[u8],
        previous: Option<u64>,
    ) -> Result<u64, KvError> {
        match self {
            Self::Consul(store) => store.atomic_put(key, value, previous).await,
            Self::Etcd(store) => store.atomic_put(key, value, previous).await,
            Self::ZooKeeper(store) => store.atomic_put(key, value, previous).await,
        }
    }

    /// Deletes a key that still has an index.
    pub async fn atomic_delete(&self, key: &str, index: u64) -> Result<(), KvError> {
        match self {
            Self::Consul(store) => store.atomic_delete(key, index).await,
            Self::Etcd(store) => store.atomic_delete(key, index).await,
            Self::ZooKeeper(store) => store.atomic_delete(key, index).await,
        }
    }

    /// Watches a key.
    pub fn watch(&self, key: String) -> KeyWatch {
        KeyWatch(self.protocol_watch(key))
    }

    /// Whether a watch that nobody needs any more ends at once. Otherwise its poll stays until it returns.
    pub fn ends_watches_at_once(&self) -> bool {
        match self {
            Self::Consul(_) | Self::Etcd(_) => false,
            Self::ZooKeeper(_) => true,
        }
    }

    /// Ends the client in order: its session, where it has one.
    pub async fn close(&self) -> Result<(), KvError> {
        match self {
            Self::Consul(_) | Self::Etcd(_) => Ok(()),
            Self::ZooKeeper(store) => store.close().await,
        }
    }

    /// Watches the keys below a directory.
    pub fn watch_tree(&self, directory: String) -> TreeWatch {
        TreeWatch(self.protocol_watch(directory))
    }

    fn protocol_watch(&self, key: String) -> ProtocolWatch {
        match self {
            Self::Consul(store) => ProtocolWatch::Consul(ConsulWatch::new(store.clone(), key)),
            Self::Etcd(store) => ProtocolWatch::Etcd(EtcdWatch::new(store.clone(), key)),
            Self::ZooKeeper(store) => {
                ProtocolWatch::ZooKeeper(ZooKeeperWatch::new(store.clone(), key))
            }
        }
    }
}
