//! Lookups: libnetwork finds a network or an endpoint by listing all of them, each time.

use super::Daemon;
use super::datastore::{Stored, entries, parse};
use crate::bench::docker::libkv::{KvList, KvPair};
use crate::bench::docker::observer::StepFailure;
use crate::docker::{EndpointCount, EndpointRecord, NetworkRecord};

/// All networks of the store, with their endpoint counts.
#[derive(Debug)]
pub(super) struct NetworkListing {
    networks: Option<KvList>,
    counts: Option<KvList>,
}

/// A network of a listing.
#[derive(Debug)]
pub(super) struct FoundNetwork {
    pub(super) network: Stored<NetworkRecord>,
    pub(super) count: Stored<EndpointCount>,
}

impl NetworkListing {
    /// The ids of the networks.
    pub(super) fn ids(&self) -> Result<Vec<String>, StepFailure> {
        let networks = entries(self.networks.as_ref())?;
        Ok(networks.iter().map(|pair| pair.id().to_owned()).collect())
    }

    /// The network of an id.
    pub(super) fn by_id(&self, id: &str) -> Result<FoundNetwork, StepFailure> {
        self.find(|pair| Ok(pair.id() == id))
    }

    /// The network of a name.
    pub(super) fn by_name(&self, name: &str) -> Result<FoundNetwork, StepFailure> {
        // Only those are decoded that can be it.
        let mark = format!("\"name\":\"{name}\"");
        self.find(|pair| {
            let mut windows = pair.value.windows(mark.len());
            if !windows.any(|window| window == mark.as_bytes()) {
                return Ok(false);
            }
            Ok(parse::<NetworkRecord>(pair)?.record.name == name)
        })
    }

    fn find(
        &self,
        mut is_it: impl FnMut(&KvPair) -> Result<bool, StepFailure>,
    ) -> Result<FoundNetwork, StepFailure> {
        for pair in entries(self.networks.as_ref())? {
            if is_it(&pair)? {
                let counts = entries(self.counts.as_ref())?;
                let count = counts.iter().find(|count| count.id() == pair.id());
                let count = count.ok_or(StepFailure::NotFound("endpoint count"))?;
                return Ok(FoundNetwork {
                    network: parse(&pair)?,
                    count: parse(count)?,
                });
            }
        }
        Err(StepFailure::NotFound("network"))
    }
}

impl Daemon {
    /// Lists all networks and endpoint counts.
    pub(super) async fn networks(&self) -> Result<NetworkListing, StepFailure> {
        let keys = self.store.keys();
        let networks = self.store.list(&keys.networks()).await?;
        let counts = self.store.list(&keys.endpoint_counts()).await?;
        Ok(NetworkListing { networks, counts })
    }

    /// Lists the endpoints of a network, global or local: the store is asked for both.
    pub(super) async fn endpoints(&self, network: &str) -> Result<(), StepFailure> {
        let directory = self.store.keys().endpoints(network);
        self.store.list(&directory).await.map(|_list| ())
    }

    /// Looks up an endpoint of a global network: all networks, then the endpoint.
    pub(super) async fn endpoint(
        &self,
        network: &str,
        endpoint: &str,
    ) -> Result<Stored<EndpointRecord>, StepFailure> {
        self.networks().await?;
        let key = self.store.keys().endpoint(network, endpoint);
        let found = self.store.get(&key).await?;
        found.ok_or(StepFailure::NotFound("endpoint"))
    }

    /// Looks up an endpoint of a local network: all networks, then the endpoint, in the order of the two stores.
    pub(super) async fn local_endpoint(
        &self,
        network: &str,
        endpoint: &str,
    ) -> Result<(), StepFailure> {
        self.networks().await?;
        if self.identity.global_first {
            let key = self.store.keys().endpoint(network, endpoint);
            self.store.get::<EndpointRecord>(&key).await?;
        }
        Ok(())
    }
}
