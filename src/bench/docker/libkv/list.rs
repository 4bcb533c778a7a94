//! List of the entries below a directory, decoded when somebody looks at them.
//!
//! dockerd decodes all of them each time. Most lists lead to nothing, and a client that decodes thousands of entries a request
//! is the bottleneck long before the server.

use super::consul::ConsulList;
use super::etcd::EtcdList;
use super::{KvError, KvPair};

/// The entries below a directory.
#[derive(Clone, Debug)]
pub struct KvList(pub(super) ProtocolList);

/// A list in its protocol.
#[derive(Clone, Debug)]
pub(super) enum ProtocolList {
    Consul(ConsulList),
    Etcd(EtcdList),
    ZooKeeper(Vec<KvPair>),
}

impl KvList {
    /// The entries that have a value: libnetwork passes over the others.
    pub fn entries(&self) -> Result<Vec<KvPair>, KvError> {
        let mut pairs = match &self.0 {
            ProtocolList::Consul(list) => list.pairs()?,
            ProtocolList::Etcd(list) => list.pairs()?,
            ProtocolList::ZooKeeper(pairs) => pairs.clone(),
        };
        pairs.retain(|pair| !pair.value.is_empty());
        Ok(pairs)
    }
}
