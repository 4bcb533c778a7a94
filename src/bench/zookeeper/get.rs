//! Reading a node; a linearizable read is behind a `Sync` in the same write.

use super::ZooKeeperClient;
use super::client::synced;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{ErrorCode, OpCode, WatchablePath};

impl ZooKeeperClient {
    /// Reads a key.
    pub async fn get(&mut self, key: &str) -> Result<Outcome, Failure> {
        self.read_node(OpCode::GetData, key).await
    }

    /// Reads of a key what this operation shows.
    pub(super) async fn read_node(&mut self, op: OpCode, key: &str) -> Result<Outcome, Failure> {
        let path = self.path(key);
        let sync = self.sync(&path).await?;
        let record = WatchablePath { path, watch: false };
        let read = self.session().await?.request(op, &record);
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
