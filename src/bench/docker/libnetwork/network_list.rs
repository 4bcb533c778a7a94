//! `docker network ls` and `docker network inspect`.

use super::Daemon;
use crate::bench::docker::observer::StepFailure;

impl Daemon {
    /// Lists the networks, as `docker network ls` and `docker info` do. Returns how many are global.
    pub async fn list_networks(&self) -> Result<usize, StepFailure> {
        Ok(self.networks().await?.ids()?.len())
    }

    /// Inspects a network: the daemon lists the networks, and then the endpoints of every one, global or local.
    pub async fn inspect_networks(&self) -> Result<(), StepFailure> {
        let listing = self.networks().await?;
        let global = listing.ids()?;
        let local = self.local.networks.iter();
        let local = local.chain(&self.local.gateway_network);
        for network in global.iter().chain(local) {
            self.endpoints(network).await?;
        }
        Ok(())
    }
}
