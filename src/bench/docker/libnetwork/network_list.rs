//! `docker network ls` and `docker network inspect`.

use super::Daemon;
use crate::bench::docker::observer::StepFailure;

impl Daemon {
    /// Lists the networks, as `docker network ls` and `docker info` do. Returns how many are global.
    pub async fn list_networks(&self) -> Result<usize, StepFailure> {
        Ok(self.networks().await?.ids().count())
    }

    /// Inspects a network: the daemon lists the networks, and then the endpoints of every one, global or local.
    pub async fn inspect_networks(&self) -> Result<(), StepFailure> {
        let listing = self.networks().await?;
        let local = self
            .local
            .networks
            .iter()
            .chain(&self.local.gateway_network);
        for network in listing.ids().chain(local.map(String::as_str)) {
            self.endpoints(network).await?;
        }
        Ok(())
    }
}
