//! Restart of a daemon that ended without a word: what its containers left behind is removed.

use std::collections::HashMap;

use super::Daemon;
use super::allocator::Allocator;
use super::container_start::count;
use super::daemon::Sandbox;
use crate::bench::docker::observer::StepFailure;
use crate::docker::EndpointRecord;

impl Daemon {
    /// Ends the daemon without a word: its polls end, and its memory is gone. What is on its disk stays.
    pub async fn die(&mut self) {
        for (_, watch) in self.watches.drain() {
            watch.abort();
        }
        self.watches = HashMap::new();
        self.store.store().disconnect().await;
        self.allocator = Allocator::new();
        self.driver.lock().await.end().await;
    }

    /// Starts the daemon again.
    pub async fn restart(&mut self) -> Result<(), StepFailure> {
        self.connect().await?;
        let left_behind = std::mem::take(&mut self.local.sandboxes);
        // The driver restores the networks of its endpoints.
        for sandbox in &left_behind {
            let mut driver = self.driver.lock().await;
            // A network that is gone is ignored.
            let _learned = driver.learn(&sandbox.network).await;
        }
        self.allocator.start(&self.store).await?;
        self.networks().await?;
        let local = self.local_networks();
        for network in &local {
            self.endpoints(network).await?;
        }
        for sandbox in &left_behind {
            self.remove_stale(sandbox).await?;
        }
        for network in &local {
            self.endpoints(network).await?;
            self.endpoints(network).await?;
        }
        // Networks whose removal was broken off; `none`, `host` and `bridge`, which is removed and created again; its address.
        for _ in 0..6 {
            self.networks().await?;
        }
        if let Some(bridge) = self.local.networks.pop() {
            drop(bridge);
            let bridge = self.new_id();
            self.local.networks.push(bridge);
        }
        Ok(())
    }

    fn local_networks(&self) -> Vec<String> {
        let local = self.local.networks.iter();
        local.chain(&self.local.gateway_network).cloned().collect()
    }

    /// Removes the endpoint of a container that is gone.
    async fn remove_stale(&mut self, sandbox: &Sandbox) -> Result<(), StepFailure> {
        let gateway = self.local.gateway_network.clone().unwrap_or_default();
        self.endpoint(&sandbox.network, &sandbox.endpoint).await?;
        self.local_endpoint(&gateway, &sandbox.gateway_endpoint)
            .await?;
        self.networks().await?;
        let found = self.networks().await?.by_id(&sandbox.network)?;
        let key = self
            .store
            .keys()
            .endpoint(&sandbox.network, &sandbox.endpoint);
        let stored = self.store.get::<EndpointRecord>(&key).await?;
        let stored = stored.ok_or(StepFailure::NotFound("endpoint"))?;
        if stored.record.sandbox == sandbox.id {
            self.leave(sandbox).await?;
        }
        // The sandbox's leaving changed the endpoint, so the first deletion fails, as it does in libnetwork.
        let delete = self
            .store
            .delete_until_done::<EndpointRecord>(&key, stored.index);
        delete.await?;
        self.release_endpoint_address(&stored).await?;
        count(&self.store, &sandbox.network, &found.count, false).await?;
        self.networks().await?;
        self.local_endpoint(&gateway, &sandbox.gateway_endpoint)
            .await
    }
}
