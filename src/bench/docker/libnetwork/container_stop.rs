//! `docker stop` of a container on an overlay network.

use super::Daemon;
use super::container_start::count;
use super::daemon::Sandbox;
use super::datastore::Stored;
use crate::bench::docker::observer::StepFailure;
use crate::docker::EndpointRecord;

impl Daemon {
    /// Stops a container.
    pub async fn stop_container(&mut self, container: &str) -> Result<(), StepFailure> {
        let mut sandboxes = self.local.sandboxes.iter();
        let at = sandboxes.position(|sandbox| sandbox.container == container);
        let at = at.ok_or(StepFailure::NotFound("container"))?;
        let sandbox = self.local.sandboxes.swap_remove(at);
        self.networks().await?;
        self.networks().await?;
        self.leave(&sandbox).await?;
        self.delete_endpoint(&sandbox).await
    }

    /// Stops all containers and ends the daemon's client, as a daemon does that gets SIGTERM.
    pub async fn stop(&mut self) -> Result<(), StepFailure> {
        let containers: Vec<String> = self.containers().map(str::to_owned).collect();
        for container in containers {
            self.stop_container(&container).await?;
        }
        // The other two clients are never closed.
        self.store.close().await
    }

    /// The sandbox leaves its endpoint, and then the gateway network.
    pub(super) async fn leave(&self, sandbox: &Sandbox) -> Result<(), StepFailure> {
        let mut stored = self.endpoint(&sandbox.network, &sandbox.endpoint).await?;
        self.gossip.endpoint_changed(&sandbox.network);
        stored.record.sandbox.clear();
        self.write_existing_endpoint(&sandbox.network, &stored)
            .await?;
        let gateway = self.local.gateway_network.as_deref().unwrap_or_default();
        // It leaves its endpoint there, and the endpoint is deleted.
        self.local_endpoint(gateway, &sandbox.gateway_endpoint)
            .await?;
        self.local_endpoint(gateway, &sandbox.gateway_endpoint)
            .await
    }

    async fn delete_endpoint(&mut self, sandbox: &Sandbox) -> Result<(), StepFailure> {
        let found = self.networks().await?.by_id(&sandbox.network)?;
        let key = self
            .store
            .keys()
            .endpoint(&sandbox.network, &sandbox.endpoint);
        let stored = self.store.get::<EndpointRecord>(&key).await?;
        let stored = stored.ok_or(StepFailure::NotFound("endpoint"))?;
        let delete = self
            .store
            .delete_until_done::<EndpointRecord>(&key, stored.index);
        delete.await?;
        self.unwatch_endpoint(&sandbox.network, &sandbox.endpoint);
        self.release_endpoint_address(&stored).await?;
        count(&self.store, &sandbox.network, &found.count, false).await
    }

    /// Gives the address of an endpoint back.
    pub(super) async fn release_endpoint_address(
        &mut self,
        endpoint: &Stored<EndpointRecord>,
    ) -> Result<(), StepFailure> {
        let interface = endpoint.record.interface.as_ref();
        let Some((pool, address)) = interface.and_then(|interface| {
            let pool = interface.pool.parse().ok()?;
            Some((pool, interface.address?))
        }) else {
            return Ok(());
        };
        let release = self
            .allocator
            .release_address(&self.store, &pool, address.address());
        release.await
    }
}
