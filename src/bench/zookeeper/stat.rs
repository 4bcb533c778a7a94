//! Reading a node's metadata without its data.

use super::ZooKeeperClient;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::OpCode;

impl ZooKeeperClient {
    /// Reads the metadata of a key.
    pub async fn stat(&mut self, key: &str) -> Result<Outcome, Failure> {
        self.read_node(OpCode::Exists, key).await
    }
}
