//! `ZooKeeperClient`: a session that is opened again, with the next server, after it was lost.

use std::collections::HashMap;
use std::sync::Arc;

use super::path::node_path;
use super::session::{PipelinedSession, ReplyFuture, SessionWatcher};
use super::shared_session::SharedSession;
use crate::bench::client::{Consistency, Failure, Outcome};
use crate::bench::target::LoadTarget;
use crate::wire::zookeeper::{NodePath, OpCode};

/// A client of ZooKeeper, with one session at a time.
#[derive(Debug)]
pub struct ZooKeeperClient {
    target: Arc<LoadTarget>,
    pub(super) consistency: Consistency,
    shared: Arc<SharedSession>,
    /// The handle of the shared session that this client sends over.
    session: Option<PipelinedSession>,
    /// The version that the next compare-and-swap of a key compares with; `None` where the key did not exist.
    pub(super) versions: HashMap<String, Option<i32>>,
    /// The armed watches of polls, by path.
    pub(super) polled: HashMap<String, SessionWatcher>,
    /// The persistent watches, by path.
    pub(super) watched: HashMap<String, SessionWatcher>,
}

impl ZooKeeperClient {
    /// The client of a number, not yet connected.
    pub fn new(target: Arc<LoadTarget>, number: u64, consistency: Consistency) -> Self {
        let shared = SharedSession::new(Arc::clone(&target), number);
        Self::over(target, Arc::new(shared), consistency)
    }

    fn over(target: Arc<LoadTarget>, shared: Arc<SharedSession>, consistency: Consistency) -> Self {
        Self {
            target,
            consistency,
            shared,
            session: None,
            versions: HashMap::new(),
            polled: HashMap::new(),
            watched: HashMap::new(),
        }
    }

    /// Another client that sends over the same session, without waiting for the answers of this one.
    #[must_use]
    pub fn on_same_session(&self) -> Self {
        let (target, shared) = (Arc::clone(&self.target), Arc::clone(&self.shared));
        Self::over(target, shared, self.consistency)
    }

    /// The open session. A lost one is replaced by a new one for the next operation, never for the same one: nobody knows
    /// whether the server performed it.
    pub(super) async fn session(&mut self) -> Result<&PipelinedSession, Failure> {
        let session = match self.session.take() {
            Some(session) if !session.is_ended() => session,
            _ => {
                // Watches end with their connection.
                self.polled.clear();
                self.watched.clear();
                self.shared.open().await?
            }
        };
        Ok(self.session.insert(session))
    }

    /// Opens a session and disconnects without a word: the server keeps the session until its timeout.
    pub async fn open_session(&mut self) -> Result<Outcome, Failure> {
        self.session().await?;
        self.session = None;
        let session = self.shared.take().await;
        drop(session);
        Ok(Outcome::default())
    }

    /// Ends the session, if one is open, for all who share it.
    pub async fn close(&mut self) -> Result<(), Failure> {
        self.session = None;
        match self.shared.take().await {
            Some(session) => session.close().await,
            None => Ok(()),
        }
    }

    /// The node of a key.
    pub(super) fn path(&self, key: &str) -> String {
        node_path(&self.target.chroot, key)
    }

    /// Sends a `Sync` before a read that must be linearizable.
    pub(super) async fn sync(&mut self, path: &str) -> Result<Option<ReplyFuture>, Failure> {
        match self.consistency {
            Consistency::Default => Ok(None),
            Consistency::Linearizable => {
                let path = NodePath(path.to_owned());
                let session = self.session().await?;
                Ok(Some(session.request(OpCode::Sync, &path)))
            }
        }
    }
}

/// Waits for a `Sync`, if one was sent. The read behind it was sent, too: this costs no round trip.
pub(super) async fn synced(sent: Option<ReplyFuture>) -> Result<(), Failure> {
    match sent {
        Some(sent) => sent.await?.expect().map(|_path| ()),
        None => Ok(()),
    }
}
