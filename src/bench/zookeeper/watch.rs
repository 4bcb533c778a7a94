//! Watching by persistent watches: one request, then a stream of events.

use super::ZooKeeperClient;
use super::session::{PipelinedSession, SessionWatcher};
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{
    AddWatchRequest, ErrorCode, ErrorReply, OpCode, PERSISTENT, event_kind,
};

/// The bytes of an event besides its path.
const EVENT_BYTES: usize = 28;

impl ZooKeeperClient {
    /// Waits for the next event of a key. The first call returns at once, when the watch was added.
    pub async fn watch(&mut self, key: &str) -> Result<Outcome, Failure> {
        let path = self.path(key);
        // Opens the session, and forgets the watches of a lost one.
        self.session().await?;
        let Some(watcher) = self.watched.get_mut(&path) else {
            let watcher = add(self.session().await?, &path).await?;
            self.watched.insert(path, watcher);
            return Ok(Outcome::default());
        };
        // A persistent watch has events of the children as well.
        while watcher.next().await?.kind == event_kind::CHILDREN_CHANGED {}
        Ok(Outcome {
            entries: 1,
            ..Outcome::of_bytes(EVENT_BYTES + path.len())
        })
    }
}

async fn add(session: &PipelinedSession, path: &str) -> Result<SessionWatcher, Failure> {
    let watcher = session.watcher(path);
    let record = AddWatchRequest {
        path: path.to_owned(),
        mode: PERSISTENT,
    };
    let reply = session.request(OpCode::AddWatch, &record).await?;
    if reply.answer == Err(ErrorCode::Unimplemented) {
        let why = "ZooKeeper has no persistent watches before 3.6: poll instead";
        return Err(Failure::Unsupported(why));
    }
    reply.read::<ErrorReply>()?;
    Ok(watcher)
}
