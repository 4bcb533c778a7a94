//! Watches on etcd's version 2 API: waits for one event after another.

use super::etcd::{EtcdStore, pair, read};
use super::{KvError, KvPair};

/// The state of a watch.
#[derive(Debug)]
pub(super) struct EtcdWatch {
    store: EtcdStore,
    key: String,
    /// The index that the next wait begins with; 0 is "from now on".
    next: u64,
    started: bool,
}

impl EtcdWatch {
    pub(super) fn new(store: EtcdStore, key: String) -> Self {
        Self {
            store,
            key,
            next: 0,
            started: false,
        }
    }

    /// The next state of the key. The first one is its present state.
    pub(super) async fn next_pair(&mut self) -> Result<KvPair, KvError> {
        if !std::mem::replace(&mut self.started, true) {
            return self.store.get(&self.key).await;
        }
        let response = self.store.wait(&self.key, false, self.next).await?;
        let pair = read(&response, pair)?;
        self.next = pair.index.saturating_add(1);
        Ok(pair)
    }

    /// Waits for the next state of the keys below the directory. The first one is their present state.
    pub(super) async fn next_list(&mut self) -> Result<(), KvError> {
        if std::mem::replace(&mut self.started, true) {
            let response = self.store.wait(&self.key, true, self.next).await?;
            self.next = read(&response, |node| node.modified)?.saturating_add(1);
        }
        self.store.list(&self.key).await.map(|_list| ())
    }
}
