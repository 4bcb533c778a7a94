//! Creating a node that must not exist.

use super::ZooKeeperClient;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{ErrorCode, create_flags};

impl ZooKeeperClient {
    /// Writes a key that must not exist.
    pub async fn create(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let path = self.path(key);
        let flags = create_flags::PERSISTENT;
        let reply = self.create_node(path, value, flags).await?;
        if reply.answer == Err(ErrorCode::NodeExists) {
            return Ok(Outcome {
                conflict: true,
                ..Outcome::default()
            });
        }
        Ok(Outcome::of_bytes(reply.expect()?.len()))
    }
}
