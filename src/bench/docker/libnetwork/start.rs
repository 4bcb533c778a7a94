//! Start of a daemon.

use super::Daemon;
use crate::bench::docker::observer::StepFailure;

impl Daemon {
    /// Connects the daemon's client and its overlay driver's.
    pub(super) async fn connect(&self) -> Result<(), StepFailure> {
        self.store.connect().await?;
        self.driver.lock().await.connect().await
    }

    /// Starts the daemon for the first time: it connects its overlay driver's client, reads the pools, and creates its local
    /// networks.
    pub async fn start(&mut self) -> Result<(), StepFailure> {
        self.connect().await?;
        self.allocator.start(&self.store).await?;
        // To give the drivers of special networks what they had, and to remove networks whose removal was broken off.
        self.networks().await?;
        self.networks().await?;
        // Are `none`, `host` and `bridge` there?
        for _ in 0..3 {
            self.networks().await?;
            let network = self.new_id();
            self.local.networks.push(network);
        }
        // The address of the bridge is the hosts' gateway.
        self.networks().await?;
        Ok(())
    }
}
