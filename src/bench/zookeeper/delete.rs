//! Deleting a node, whatever its version.

use super::ZooKeeperClient;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{ErrorCode, OpCode, VersionedPath};

impl ZooKeeperClient {
    /// Deletes a key.
    pub async fn delete(&mut self, key: &str) -> Result<Outcome, Failure> {
        let (path, version) = (self.path(key), -1);
        let record = VersionedPath { path, version };
        let session = self.session().await?;
        let reply = session.request(OpCode::Delete, &record).await?;
        if reply.answer == Err(ErrorCode::NoNode) {
            return Ok(Outcome::default());
        }
        let bytes = reply.expect()?.len();
        Ok(Outcome {
            entries: 1,
            ..Outcome::of_bytes(bytes)
        })
    }
}
