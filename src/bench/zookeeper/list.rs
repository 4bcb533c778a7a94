//! Listing: the names of a node's children, then the data of each, all in one write.

use super::ZooKeeperClient;
use super::client::synced;
use super::path::child_path;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{ChildrenReply, ErrorCode, OpCode, WatchablePath};

impl ZooKeeperClient {
    /// Reads all keys of a directory.
    pub async fn list(&mut self, prefix: &str) -> Result<Outcome, Failure> {
        let path = self.path(prefix);
        let sync = self.sync(&path).await?;
        let record = WatchablePath { path, watch: false };
        let session = self.session().await?;
        let listed = session.request(OpCode::GetChildren2, &record);
        synced(sync).await?;
        let reply = listed.await?;
        if reply.answer == Err(ErrorCode::NoNode) {
            return Err(Failure::no_such_key());
        }
        let mut outcome = Outcome::of_bytes(reply.expect()?.len());
        let names = reply.read::<ChildrenReply>()?.names;
        let session = self.session().await?;
        let children: Vec<_> = names
            .iter()
            .map(|name| {
                let path = child_path(&record.path, name);
                session.request(OpCode::GetData, &WatchablePath { path, watch: false })
            })
            .collect();
        for child in children {
            let reply = child.await?;
            // Deleted since it was listed.
            if reply.answer != Err(ErrorCode::NoNode) {
                outcome.entries += 1;
                outcome.bytes += Outcome::of_bytes(reply.expect()?.len()).bytes;
            }
        }
        Ok(outcome)
    }
}
