//! Watches of a store, in any protocol.

use super::consul_watch::ConsulWatch;
use super::etcd_watch::EtcdWatch;
use super::zookeeper_watch::ZooKeeperWatch;
use super::{KvError, KvPair};

/// A watch of one key.
#[derive(Debug)]
pub struct KeyWatch(pub(super) ProtocolWatch);

/// A watch of the keys below a directory.
#[derive(Debug)]
pub struct TreeWatch(pub(super) ProtocolWatch);

/// A watch in its protocol.
#[derive(Debug)]
pub(super) enum ProtocolWatch {
    Consul(ConsulWatch),
    Etcd(EtcdWatch),
    ZooKeeper(ZooKeeperWatch),
}

impl KeyWatch {
    /// The next state of the key. The first one is its present state. An error ends the watch.
    pub async fn next(&mut self) -> Result<KvPair, KvError> {
        match &mut self.0 {
            ProtocolWatch::Consul(watch) => watch.next_pair().await,
            ProtocolWatch::Etcd(watch) => watch.next_pair().await,
            ProtocolWatch::ZooKeeper(watch) => watch.next_pair().await,
        }
    }
}

impl TreeWatch {
    /// Waits for the next state of the keys. The first one is their present state. An error ends the watch.
    pub async fn next(&mut self) -> Result<(), KvError> {
        match &mut self.0 {
            ProtocolWatch::Consul(watch) => watch.next_list().await,
            ProtocolWatch::Etcd(watch) => watch.next_list().await,
            ProtocolWatch::ZooKeeper(watch) => watch.next_list().await,
        }
    }
}
