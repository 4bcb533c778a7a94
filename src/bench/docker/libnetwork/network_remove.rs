//! `docker network rm`.

use super::Daemon;
use super::datastore::{Stored, Swap};
use crate::bench::docker::observer::StepFailure;
use crate::docker::{EndpointCount, NetworkRecord, PoolKey};

impl Daemon {
    /// Removes a network that has no endpoints.
    pub async fn remove_network(&mut self, name: &str) -> Result<(), StepFailure> {
        // The command inspects the network, and the daemon does so again.
        self.inspect_networks().await?;
        self.inspect_networks().await?;
        let id = self.networks().await?.by_name(name)?.network.record.id;
        let found = self.networks().await?.by_id(&id)?;
        if found.count.record.count > 0 {
            return Err(StepFailure::ActiveEndpoints);
        }

        let mut network = found.network;
        network.record.in_delete = true;
        self.write_network(&mut network).await?;
        self.release_pools(&network.record).await?;
        network.record.ipam_v4_info = None;
        self.write_network(&mut network).await?;
        self.driver.lock().await.delete_network(&id).await?;

        let key = self.store.keys().endpoint_count(&id);
        let count = found.count.index;
        self.store
            .delete_until_done::<EndpointCount>(&key, count)
            .await?;
        let key = self.store.keys().network(&id);
        self.store
            .delete_until_done::<NetworkRecord>(&key, network.index)
            .await
    }

    async fn write_network(&self, network: &mut Stored<NetworkRecord>) -> Result<(), StepFailure> {
        let key = self.store.keys().network(&network.record.id);
        let write = self
            .store
            .put_atomic(&key, &network.record, Some(network.index));
        match write.await? {
            Swap::Done(index) => {
                network.index = index;
                Ok(())
            }
            Swap::Lost => Err(StepFailure::Race("network to remove was changed")),
        }
    }

    /// Gives the gateways and the pools back.
    async fn release_pools(&mut self, network: &NetworkRecord) -> Result<(), StepFailure> {
        let Some(pools) = &network.ipam_v4_info else {
            return Ok(());
        };
        for pool in &pools.0 {
            let key: PoolKey = pool
                .pool_id
                .parse()
                .map_err(|_| StepFailure::Malformed("pool id"))?;
            if let Some(gateway) = pool.data.0.gateway {
                let release = self
                    .allocator
                    .release_address(&self.store, &key, gateway.address());
                release.await?;
            }
            self.allocator.release_pool(&self.store, &key).await?;
        }
        Ok(())
    }
}
