//! Locks by ZooKeeper's recipe: an ephemeral node with a sequence number, whose owner waits for the node before its own.

use super::ZooKeeperClient;
use super::path::child_path;
use super::session::PipelinedSession;
use crate::bench::client::{Failure, HeldLock};
use crate::wire::zookeeper::{
    ChildNames, ErrorCode, NodePath, OpCode, VersionedPath, WatchablePath, create_flags, event_kind,
};

/// The name of a place in the queue, before its sequence number.
const NAME: &str = "lock-";

/// A place in the queue. It is given up when the wait ends early: others would wait for it as long as the session lasts.
struct Place {
    session: PipelinedSession,
    path: String,
    is_kept: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_kept {
            drop(self.session.request(OpCode::Delete, &any(&self.path)));
        }
    }
}

/// A node of any version.
fn any(path: &str) -> VersionedPath {
    VersionedPath {
        path: path.to_owned(),
        version: -1,
    }
}

impl ZooKeeperClient {
    /// Takes a lock, waiting for its holder.
    pub async fn lock(&mut self, key: &str) -> Result<HeldLock, Failure> {
        let parent = self.path(key);
        let wanted = child_path(&parent, NAME);
        let flags = create_flags::EPHEMERAL_SEQUENTIAL;
        let created = self.create_node(wanted, b"", flags).await?;
        let mut place = Place {
            session: self.session().await?.clone(),
            path: created.read::<NodePath>()?.0,
            is_kept: false,
        };
        while let Some(before) = predecessor(&place, &parent).await? {
            wait_for_end(&place.session, &before).await?;
        }
        place.is_kept = true;
        Ok(HeldLock::Place(std::mem::take(&mut place.path)))
    }

    /// Gives a lock back.
    pub async fn unlock(&mut self, _key: &str, held: HeldLock) -> Result<(), Failure> {
        let HeldLock::Place(path) = held else {
            return Err(Failure::Unsupported("not a lock of ZooKeeper"));
        };
        let session = self.session().await?;
        let reply = session.request(OpCode::Delete, &any(&path)).await?;
        reply.expect().map(|_empty| ())
    }
}

/// The node before a place in the queue; `None` for the first.
async fn predecessor(place: &Place, parent: &str) -> Result<Option<String>, Failure> {
    let record = WatchablePath {
        path: parent.to_owned(),
        watch: false,
    };
    let reply = place.session.request(OpCode::GetChildren, &record).await?;
    let names = reply.read::<ChildNames>()?.0;
    let own = place.path.rsplit('/').next().unwrap_or_default();
    if !names.iter().any(|name| name == own) {
        return Err(Failure::BadAnswer("a lock's node is missing".to_owned()));
    }
    // Sequence numbers have ten digits, so that names sort as they do.
    let before = names
        .iter()
        .filter(|name| name.starts_with(NAME) && name.as_str() < own);
    Ok(before.max().map(|name| child_path(parent, name)))
}

/// Waits until a node is deleted.
async fn wait_for_end(session: &PipelinedSession, path: &str) -> Result<(), Failure> {
    let mut watcher = session.watcher(path);
    let record = WatchablePath {
        path: path.to_owned(),
        watch: true,
    };
    loop {
        let reply = session.request(OpCode::Exists, &record).await?;
        if reply.answer == Err(ErrorCode::NoNode) {
            return Ok(());
        }
        reply.expect()?;
        // Another change uses the watch up as well.
        if watcher.next().await?.kind == event_kind::DELETED {
            return Ok(());
        }
    }
}
