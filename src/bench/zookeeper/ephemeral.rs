//! Creating an ephemeral node with a sequence number and deleting it, as every recipe of a queue does.

use super::ZooKeeperClient;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{NodePath, OpCode, VersionedPath, create_flags};

impl ZooKeeperClient {
    /// Creates a node with a name and the next sequence number, which ends with the session, and deletes it.
    pub async fn ephemeral(&mut self, name: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let path = self.path(name);
        let flags = create_flags::EPHEMERAL_SEQUENTIAL;
        let created = self.create_node(path, value, flags).await?;
        let bytes = created.expect()?.len();
        let record = VersionedPath {
            path: created.read::<NodePath>()?.0,
            version: -1,
        };
        let session = self.session().await?;
        let reply = session.request(OpCode::Delete, &record).await?;
        reply.expect()?;
        Ok(Outcome {
            entries: 1,
            ..Outcome::of_bytes(bytes)
        })
    }
}
