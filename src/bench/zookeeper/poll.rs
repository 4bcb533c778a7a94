//! Polling by one-shot watches: a read arms the watch, and the event that it causes is followed by the next read.

use super::ZooKeeperClient;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{ErrorCode, OpCode, WatchablePath};

impl ZooKeeperClient {
    /// Waits for the next change of a key. The first call returns at once, with the watch armed.
    pub async fn poll(&mut self, key: &str) -> Result<Outcome, Failure> {
        let path = self.path(key);
        // Opens the session, and forgets the watches of a lost one.
        self.session().await?;
        if let Some(watcher) = self.polled.get_mut(&path) {
            watcher.next().await?;
        } else {
            let watcher = self.session().await?.watcher(&path);
            self.polled.insert(path.clone(), watcher);
        }
        let armed = self.arm(path.clone()).await;
        if armed.is_err() {
            self.polled.remove(&path);
        }
        armed
    }

    /// Reads a node with a watch.
    async fn arm(&mut self, path: String) -> Result<Outcome, Failure> {
        let record = WatchablePath { path, watch: true };
        let session = self.session().await?;
        let mut reply = session.request(OpCode::GetData, &record).await?;
        if reply.answer == Err(ErrorCode::NoNode) {
            // Only this arms a watch where there is no node.
            reply = session.request(OpCode::Exists, &record).await?;
            if reply.answer == Err(ErrorCode::NoNode) {
                return Ok(Outcome::default());
            }
        }
        Ok(Outcome {
            entries: 1,
            ..Outcome::of_bytes(reply.expect()?.len())
        })
    }
}
