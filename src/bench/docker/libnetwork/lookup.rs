//! Lookups: libnetwork finds a network or an endpoint by listing all of them, each time.

use std::collections::HashMap;

use super::Daemon;
use super::datastore::{Stored, parse};
use crate::bench::docker::libkv::KvPair;
use crate::bench::docker::observer::StepFailure;
use crate::docker::{EndpointCount, EndpointRecord, NetworkRecord};

/// All networks of the store, with their endpoint counts.
#[derive(Debug)]
pub(super) struct NetworkListing {
    networks: Vec<KvPair>,
    counts: HashMap<String, KvPair>,
}

/// A network of a listing.
#[derive(Debug)]
pub(super) struct FoundNetwork {
    pub(super) network: Stored<NetworkRecord>,
    pub(super) count: Stored<EndpointCount>,
}

impl NetworkListing {
    /// The ids of the networks.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.networks.iter().map(KvPair::id)
    }

    /// The network of an id.
    pub(super) fn by_id(&self, id: &str) -> Result<FoundNetwork, StepFailure> {
        let missing = StepFailure::NotFound("network");
        let found = self.networks.iter().find(|pair| pair.id() == id);
        self.found(found.ok_or(missing)?)
    }

    /// The network of a name.
    pub(super) fn by_name(&self, name: &str) -> Result<FoundNetwork, StepFailure> {
        // Decoded are only those that can be it: a client that decodes all of them is the bottleneck long before the server.
        let mark = format!("\"name\":\"{name}\"");
        let candidates = self.networks.iter().filter(|pair| {
            let windows = pair.value.windows(mark.len());
            windows.into_iter().any(|window| window == mark.as_bytes())
        });
        for pair in candidates {
            let found = self.found(pair)?;
            if found.network.record.name == name {
                return Ok(found);
            }
        }
        Err(StepFailure::NotFound("network"))
    }

    fn found(&self, pair: &KvPair) -> Result<FoundNetwork, StepFailure> {
        let count = self.counts.get(pair.id());
        let count = count.ok_or(StepFailure::NotFound("endpoint count"))?;
        Ok(FoundNetwork {
            network: parse(pair)?,
            count: parse(count)?,
        })
    }
}

impl Daemon {
    /// Lists all networks and endpoint counts.
    pub(super) async fn networks(&self) -> Result<NetworkListing, StepFailure> {
        let keys = self.store.keys();
        let networks = self.store.list(&keys.networks()).await?;
        let counts = self.store.list(&keys.endpoint_counts()).await?;
        let counts = counts.into_iter().map(|pair| (pair.id().to_owned(), pair));
        Ok(NetworkListing {
            networks,
            counts: counts.collect(),
        })
    }

    /// Lists the endpoints of a network, global or local: the store is asked for both.
    pub(super) async fn endpoints(&self, network: &str) -> Result<Vec<KvPair>, StepFailure> {
        self.store.list(&self.store.keys().endpoints(network)).await
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
