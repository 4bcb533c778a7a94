//! Listing: the names of a node's children, then the data of each, all in one write; then the same for those that have
//! children.

use super::ZooKeeperClient;
use super::client::synced;
use super::path::child_path;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{ChildrenReply, DataReply, ErrorCode, OpCode, WatchablePath};

/// The longest path that is followed, in bytes.
const MOST_PATH_BYTES: usize = 64 << 10;

impl ZooKeeperClient {
    /// Reads all keys below a directory.
    pub async fn list(&mut self, prefix: &str) -> Result<Outcome, Failure> {
        let mut paths = vec![self.path(prefix)];
        let mut sum = Outcome::default();
        while let Some(path) = paths.pop() {
            if path.len() > MOST_PATH_BYTES {
                return Err(Failure::BadAnswer("an endless tree".to_owned()));
            }
            let found = self.list_one(path, &mut paths).await?;
            sum.entries += found.entries;
            sum.bytes += found.bytes;
        }
        Ok(sum)
    }

    /// Reads the children of a node; those that have children themselves are added to `paths`.
    async fn list_one(
        &mut self,
        path: String,
        paths: &mut Vec<String>,
    ) -> Result<Outcome, Failure> {
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
                let read = WatchablePath { path, watch: false };
                (session.request(OpCode::GetData, &read), read.path)
            })
            .collect();
        for (child, path) in children {
            let reply = child.await?;
            // Deleted since it was listed.
            if reply.answer != Err(ErrorCode::NoNode) {
                outcome.entries += 1;
                outcome.bytes += Outcome::of_bytes(reply.expect()?.len()).bytes;
                if reply.read::<DataReply>()?.stat.children > 0 {
                    paths.push(path);
                }
            }
        }
        Ok(outcome)
    }
}
