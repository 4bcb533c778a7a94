//! Creating a node with the nodes above it, which are made where the first attempt finds them missing.

use super::ZooKeeperClient;
use super::path::ancestors;
use super::session::{PipelinedSession, Reply};
use crate::bench::client::Failure;
use crate::wire::zookeeper::{AclEntry, CreateRequest, ErrorCode, OpCode, create_flags};

/// The access list that permits everybody everything.
fn open_acl() -> Vec<AclEntry> {
    let entry = AclEntry {
        permissions: 31,
        scheme: "world".to_owned(),
        id: "anyone".to_owned(),
    };
    vec![entry]
}

impl ZooKeeperClient {
    /// Creates a node, and the nodes above it where they are missing.
    pub(super) async fn create_node(
        &mut self,
        path: String,
        data: &[u8],
        flags: i32,
    ) -> Result<Reply, Failure> {
        let record = CreateRequest {
            path,
            data: Some(data.to_vec()),
            acl: open_acl(),
            flags,
        };
        let session = self.session().await?;
        let reply = session.request(OpCode::Create, &record).await?;
        if reply.answer != Err(ErrorCode::NoNode) {
            return Ok(reply);
        }
        make_parents(session, &record.path).await?;
        session.request(OpCode::Create, &record).await
    }
}

/// Creates the nodes above a node. One that exists is refused, which is fine; any other refusal shows at the node itself.
async fn make_parents(session: &PipelinedSession, path: &str) -> Result<(), Failure> {
    let sent: Vec<_> = ancestors(path)
        .map(|above| {
            let record = CreateRequest {
                path: above.to_owned(),
                data: Some(Vec::new()),
                acl: open_acl(),
                flags: create_flags::PERSISTENT,
            };
            session.request(OpCode::Create, &record)
        })
        .collect();
    for one in sent {
        one.await?;
    }
    Ok(())
}
