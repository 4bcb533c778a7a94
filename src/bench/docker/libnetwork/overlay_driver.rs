//! Overlay driver: the networks a daemon knows, and their VXLAN ids.

use std::collections::HashMap;

use super::bit_handle::BitHandle;
use super::datastore::{Datastore, Stored, Swap};
use crate::bench::docker::observer::StepFailure;
use crate::docker::{Cidr, OverlayRecord, OverlaySubnet, VXLAN_IDS};

/// The state of the driver.
#[derive(Debug)]
pub struct OverlayDriver {
    store: Datastore,
    networks: HashMap<String, Stored<OverlayRecord>>,
    ids: Option<BitHandle>,
}

impl OverlayDriver {
    /// A driver that knows no network.
    pub fn new(store: Datastore) -> Self {
        Self {
            store,
            networks: HashMap::new(),
            ids: None,
        }
    }

    /// Forgets all and drops its connection, as a daemon does that ends.
    pub(super) async fn end(&mut self) {
        self.networks.clear();
        self.ids = None;
        self.store.store().disconnect().await;
    }

    /// Connects the driver's client.
    pub(super) async fn connect(&self) -> Result<(), StepFailure> {
        self.store.connect().await
    }

    /// Whether the driver knows a network.
    pub fn knows(&self, network: &str) -> bool {
        self.networks.contains_key(network)
    }

    /// Learns a network from the store. This is also what an event of a peer's endpoint leads to, on all hosts.
    pub async fn learn(&mut self, network: &str) -> Result<(), StepFailure> {
        if self.knows(network) {
            return Ok(());
        }
        let key = self.store.keys().overlay(network);
        let stored = self.store.get(&key).await?;
        let stored = stored.ok_or(StepFailure::NotFound("overlay network"))?;
        self.networks.insert(network.to_owned(), stored);
        Ok(())
    }

    /// Creates a network.
    pub(super) async fn create_network(
        &mut self,
        network: &str,
        subnets: Vec<OverlaySubnet>,
    ) -> Result<(), StepFailure> {
        self.configure().await?;
        let record = OverlayRecord {
            subnets,
            ..OverlayRecord::default()
        };
        let key = self.store.keys().overlay(network);
        match self.store.put_atomic(&key, &record, None).await? {
            Swap::Done(index) => {
                self.networks
                    .insert(network.to_owned(), Stored { record, index });
                Ok(())
            }
            Swap::Lost => Err(StepFailure::Race("overlay network exists")),
        }
    }

    /// Prepares an endpoint.
    pub(super) async fn create_endpoint(&mut self, network: &str) -> Result<(), StepFailure> {
        self.configure().await?;
        self.learn(network).await
    }

    /// Joins an endpoint: its subnet gets a VXLAN id, if it has none yet.
    pub(super) async fn join(&mut self, network: &str, address: Cidr) -> Result<(), StepFailure> {
        self.learn(network).await?;
        let unknown = || StepFailure::NotFound("subnet");
        let key = self.store.keys().overlay(network);
        let known = self.networks.get_mut(network).ok_or_else(unknown)?;
        loop {
            let subnet = known.record.subnet_of(address).ok_or_else(unknown)?;
            if subnet.vni != 0 {
                return Ok(());
            }
            let stored = self.store.get::<OverlayRecord>(&key).await?;
            *known = stored.ok_or(StepFailure::NotFound("overlay network"))?;
            let subnet = known.record.subnet_of(address).ok_or_else(unknown)?;
            if subnet.vni != 0 {
                return Ok(());
            }
            let ids = self
                .ids
                .as_mut()
                .ok_or(StepFailure::NotFound("VXLAN ids"))?;
            let ordinal = ids.take_any(&self.store, None, true).await?;
            let exhausted = || StepFailure::Exhausted("VXLAN ids");
            let ordinal = ordinal.ok_or_else(exhausted)?;
            subnet.vni = VXLAN_IDS.id(ordinal).ok_or_else(exhausted)?;
            let write = self
                .store
                .put_atomic(&key, &known.record, Some(known.index));
            match write.await? {
                Swap::Done(index) => {
                    known.index = index;
                    return Ok(());
                }
                Swap::Lost => {
                    ids.release(&self.store, ordinal).await?;
                    if let Some(subnet) = known.record.subnet_of(address) {
                        subnet.vni = 0;
                    }
                }
            }
        }
    }

    /// Deletes a network. As in libnetwork, a record that another host wrote last stays, with its VXLAN ids: this happens
    /// where the host that removes the network had no container on it.
    pub(super) async fn delete_network(&mut self, network: &str) -> Result<(), StepFailure> {
        self.configure().await?;
        if self.learn(network).await.is_err() {
            return Ok(());
        }
        let Some(known) = self.networks.remove(network) else {
            return Ok(());
        };
        let key = self.store.keys().overlay(network);
        match self.store.delete_atomic(&key, known.index).await {
            Ok(Swap::Done(_)) => {}
            Ok(Swap::Lost) | Err(StepFailure::NotFound(_)) => return Ok(()),
            Err(failure) => return Err(failure),
        }
        let Some(ids) = self.ids.as_mut() else {
            return Ok(());
        };
        for subnet in &known.record.subnets {
            if let Some(ordinal) = VXLAN_IDS.ordinal(subnet.vni) {
                ids.release(&self.store, ordinal).await?;
            }
        }
        Ok(())
    }

    /// Opens the VXLAN ids, at the first use.
    async fn configure(&mut self) -> Result<(), StepFailure> {
        if self.ids.is_none() {
            let key = self.store.keys().ids(VXLAN_IDS.name);
            let id = VXLAN_IDS.name.to_owned();
            let opened = BitHandle::open(&self.store, key, id, VXLAN_IDS.free());
            self.ids = Some(opened.await?);
        }
        Ok(())
    }
}
