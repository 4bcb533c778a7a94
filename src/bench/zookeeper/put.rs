//! Writing a node, whatever its version; one that is missing is created.

use super::ZooKeeperClient;
use super::session::Reply;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{ErrorCode, OpCode, SetDataRequest, create_flags};

impl ZooKeeperClient {
    /// Writes a key.
    pub async fn put(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let path = self.path(key);
        let mut reply = self.set(path.clone(), value, -1).await?;
        if reply.answer == Err(ErrorCode::NoNode) {
            let flags = create_flags::PERSISTENT;
            reply = self.create_node(path.clone(), value, flags).await?;
        }
        // Another client created it first.
        if reply.answer == Err(ErrorCode::NodeExists) {
            reply = self.set(path, value, -1).await?;
        }
        Ok(Outcome::of_bytes(reply.expect()?.len()))
    }

    /// Replaces a node's data if it has a version; -1 is any.
    pub(super) async fn set(
        &mut self,
        path: String,
        data: &[u8],
        version: i32,
    ) -> Result<Reply, Failure> {
        let record = SetDataRequest {
            path,
            data: Some(data.to_vec()),
            version,
        };
        let session = self.session().await?;
        session.request(OpCode::SetData, &record).await
    }
}
