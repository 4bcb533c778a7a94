//! Watches on ZooKeeper: a read that arms one, its event, and another read.

use super::zookeeper::{ZooKeeperStore, path};
use super::{KvError, KvPair};
use crate::bench::zookeeper::session::SessionWatcher;
use crate::wire::zookeeper::event_kind;

/// The state of a watch.
#[derive(Debug)]
pub(super) struct ZooKeeperWatch {
    store: ZooKeeperStore,
    key: String,
    started: bool,
}

impl ZooKeeperWatch {
    pub(super) fn new(store: ZooKeeperStore, key: String) -> Self {
        Self {
            store,
            key,
            started: false,
        }
    }

    /// The next state of the key. The first one is its present state.
    pub(super) async fn next_pair(&mut self) -> Result<KvPair, KvError> {
        if !std::mem::replace(&mut self.started, true) {
            return self.store.get(&self.key).await;
        }
        loop {
            let mut events = self.events().await?;
            self.store.read(&path(&self.key), true).await?;
            let kind = events.next().await?.kind;
            if kind == event_kind::DATA_CHANGED
                && let Ok(pair) = self.store.get(&self.key).await
            {
                return Ok(pair);
            }
        }
    }

    /// Waits for the next state of the keys below the directory. The first one is their present state.
    pub(super) async fn next_list(&mut self) -> Result<(), KvError> {
        if !std::mem::replace(&mut self.started, true) {
            return self.store.list(&self.key).await.map(|_pairs| ());
        }
        loop {
            let mut events = self.events().await?;
            let node = path(&self.key);
            self.store.children(&node, true).await?;
            let kind = events.next().await?.kind;
            if kind == event_kind::CHILDREN_CHANGED && self.store.list(&self.key).await.is_ok() {
                return Ok(());
            }
        }
    }

    async fn events(&self) -> Result<SessionWatcher, KvError> {
        let session = self.store.session().await?;
        Ok(session.watcher(&path(&self.key)))
    }
}
