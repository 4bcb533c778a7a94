//! Reading a node's metadata without its data.

use super::ZooKeeperClient;
use super::client::synced;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{ErrorCode, OpCode, WatchablePath};

impl ZooKeeperClient {
    /// Reads the metadata of a key.
    pub async fn stat(&mut self, key: &str) -> Result<Outcome, Failure> {
        let path = self.path(key);
        let sync = self.sync(&path).await?;
        let record = WatchablePath { path, watch: false };
        let read = self.session().await?.request(OpCode::Exists, &record);
        synced(sync).await?;
        let reply = read.await?;
        if reply.answer == Err(ErrorCode::NoNode) {
            return Err(Failure::no_such_key());
        }
        Ok(Outcome {
            entries: 1,
            ..Outcome::of_bytes(reply.expect()?.len())
        })
    }
}
