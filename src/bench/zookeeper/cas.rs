//! Compare-and-swap: writing a node if it has the version that this client saw last.

use super::ZooKeeperClient;
use super::client::synced;
use crate::bench::client::{Failure, Outcome};
use crate::wire::zookeeper::{ErrorCode, NodePath, OpCode, Stat, WatchablePath, create_flags};

impl ZooKeeperClient {
    /// Writes a key if it has not changed since this client last read or wrote it; one that did not exist is created.
    pub async fn cas(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let version = match self.versions.get(key) {
            Some(version) => *version,
            None => self.version(key).await?,
        };
        let path = self.path(key);
        let reply = if let Some(version) = version {
            self.set(path, value, version).await?
        } else {
            let flags = create_flags::PERSISTENT;
            self.create_node(path, value, flags).await?
        };
        let bytes = match &reply.answer {
            // Whoever lost reads the version again before the next attempt.
            Err(ErrorCode::BadVersion | ErrorCode::NoNode | ErrorCode::NodeExists) => {
                self.versions.remove(key);
                return Ok(Outcome {
                    conflict: true,
                    ..Outcome::default()
                });
            }
            Ok(record) => record.len(),
            Err(_) => reply.expect()?.len(),
        };
        let written = match version {
            Some(_) => reply.read::<Stat>()?.version,
            None => 0,
        };
        self.versions.insert(key.to_owned(), Some(written));
        Ok(Outcome::of_bytes(bytes))
    }

    /// Reads the version of a key, as a part of a compare-and-swap that is not measured on its own.
    pub async fn prepare_cas(&mut self, key: &str) -> Result<(), Failure> {
        let version = self.version(key).await?;
        self.versions.insert(key.to_owned(), version);
        Ok(())
    }

    async fn version(&mut self, key: &str) -> Result<Option<i32>, Failure> {
        let path = self.path(key);
        let session = self.session().await?;
        // A server that lags behind would let every attempt fail.
        let sync = session.request(OpCode::Sync, &NodePath(path.clone()));
        let record = WatchablePath { path, watch: false };
        let read = session.request(OpCode::Exists, &record);
        synced(Some(sync)).await?;
        let reply = read.await?;
        if reply.answer == Err(ErrorCode::NoNode) {
            return Ok(None);
        }
        Ok(Some(reply.read::<Stat>()?.version))
    }
}
