//! libkv's store on ZooKeeper.
//!
//! A stock dockerd fails on a real ZooKeeper: it takes the names of children for whole keys, and compares with the version of
//! the directory where it means the child's. A server that suits it names children by their whole keys, and gives a version
//! that stands for each child's. Such names this client takes as dockerd does. Where it gets bare names it goes on, with each
//! child's own version, where a real daemon would end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::zookeeper_session::SessionKeeper;
use super::{KvError, KvPair};
use crate::bench::client::Failure;
use crate::bench::docker::observer::{StepObserver, StoreRequest};
use crate::bench::target::LoadTarget;
use crate::bench::zookeeper::session::{PipelinedSession, Reply};
use crate::wire::zookeeper::{
    AclEntry, ChildrenReply, CreateRequest, DataReply, ErrorCode, JuteRecord, OpCode,
    SetDataRequest, Stat, VersionedPath, WatchablePath, create_flags,
};

/// A client of ZooKeeper, with a session of its own.
#[derive(Clone)]
pub struct ZooKeeperStore {
    keeper: Arc<Mutex<SessionKeeper>>,
    observer: Arc<dyn StepObserver>,
}

impl fmt::Debug for ZooKeeperStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ZooKeeperStore")
            .finish_non_exhaustive()
    }
}

impl ZooKeeperStore {
    /// A client that is not connected.
    pub fn new(target: Arc<LoadTarget>, host: u64, observer: Arc<dyn StepObserver>) -> Self {
        Self {
            keeper: Arc::new(Mutex::new(SessionKeeper::new(target, host))),
            observer,
        }
    }

    /// Opens the session.
    pub async fn connect(&self) -> Result<(), KvError> {
        self.session().await?;
        Ok(())
    }

    /// Ends the session.
    pub async fn close(&self) -> Result<(), KvError> {
        let session = self.session().await?;
        self.disconnect().await;
        Ok(session.close().await?)
    }

    /// Drops the connection without a word: the session ends with its timeout.
    pub async fn disconnect(&self) {
        self.keeper.lock().await.forget();
    }

    /// Reads a key.
    pub async fn get(&self, key: &str) -> Result<KvPair, KvError> {
        let (value, stat) = self.read(&path(key), false).await?;
        Ok(KvPair {
            key: key.to_owned(),
            value,
            index: index(&stat),
        })
    }

    /// Whether a key exists.
    pub async fn exists(&self, key: &str) -> Result<bool, KvError> {
        let (path, watch) = (path(key), false);
        let record = WatchablePath { path, watch };
        let reply = self
            .send(StoreRequest::Get, OpCode::Exists, &record)
            .await?;
        match reply.answer {
            Err(ErrorCode::NoNode) => Ok(false),
            _ => Ok(reply.expect().map(|_stat| true)?),
        }
    }

    /// Writes a key. One that has a TTL ends with the session instead.
    pub async fn put(&self, key: &str, value: &[u8], ends: bool) -> Result<(), KvError> {
        if !self.exists(key).await? {
            // Failures are ignored here: the write that follows shows them.
            let _created = self.create_path(&path(key), ends).await;
        }
        self.set(path(key), value, -1).await.map(|_stat| ())
    }

    /// The keys directly below a directory: their names, then the value of each.
    pub async fn list(&self, directory: &str) -> Result<Vec<KvPair>, KvError> {
        loop {
            // Where a child is gone again, the list is out of date.
            if let Some(pairs) = self.list_once(directory).await? {
                return Ok(pairs);
            }
        }
    }

    /// Writes a key that still has a version, or does not exist.
    pub async fn atomic_put(
        &self,
        key: &str,
        value: &[u8],
        previous: Option<u64>,
    ) -> Result<u64, KvError> {
        if let Some(previous) = previous {
            let stat = self.set(path(key), value, version(previous)).await?;
            return Ok(index(&stat));
        }
        let path = path(key);
        let (kind, flags) = (StoreRequest::CompareAndSwap, create_flags::PERSISTENT);
        let mut created = self.create(kind, &path, value, flags).await?;
        if created.answer == Err(ErrorCode::NoNode) {
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            self.create_path(parent, false).await?;
            created = self.create(kind, &path, value, flags).await?;
        }
        match created.answer {
            Err(ErrorCode::NodeExists) => Err(KvError::Exists),
            _ => Ok(created.expect().map(|_path| 0)?),
        }
    }

    /// Deletes a key that still has a version.
    pub async fn atomic_delete(&self, key: &str, index: u64) -> Result<(), KvError> {
        let record = VersionedPath {
            path: path(key),
            version: version(index),
        };
        let reply = self
            .send(StoreRequest::Delete, OpCode::Delete, &record)
            .await?;
        match reply.answer {
            Err(ErrorCode::NoNode) => Err(KvError::NotFound),
            Err(ErrorCode::BadVersion) => Err(KvError::Modified),
            _ => Ok(reply.expect().map(|_nothing| ())?),
        }
    }

    /// The session, opened again where it was lost.
    pub(super) async fn session(&self) -> Result<PipelinedSession, KvError> {
        Ok(self.keeper.lock().await.session().await?)
    }

    /// Reads a node's data, and arms a watch if asked to.
    pub(super) async fn read(&self, path: &str, watch: bool) -> Result<(Vec<u8>, Stat), KvError> {
        let path = path.to_owned();
        let record = WatchablePath { path, watch };
        let reply = self
            .send(StoreRequest::Get, OpCode::GetData, &record)
            .await?;
        if reply.answer == Err(ErrorCode::NoNode) {
            return Err(KvError::NotFound);
        }
        let data: DataReply = reply.read()?;
        Ok((data.data.unwrap_or_default(), data.stat))
    }

    /// Reads the names of a node's children, and arms a watch if asked to.
    pub(super) async fn children(&self, path: &str, watch: bool) -> Result<ChildrenReply, KvError> {
        let path = path.to_owned();
        let record = WatchablePath { path, watch };
        let kind = StoreRequest::List;
        let reply = self.send(kind, OpCode::GetChildren2, &record).await?;
        match reply.answer {
            Err(ErrorCode::NoNode) => Err(KvError::NotFound),
            _ => Ok(reply.read()?),
        }
    }

    async fn list_once(&self, directory: &str) -> Result<Option<Vec<KvPair>>, KvError> {
        let parent = path(directory);
        let children = self.children(&parent, false).await?;
        let mut pairs = Vec::with_capacity(children.names.len());
        for name in children.names {
            let child = format!("{parent}/{}", name.trim_end_matches('/'));
            let (value, stat) = match self.read(&child, false).await {
                Ok(found) => found,
                Err(KvError::NotFound) => return Ok(None),
                Err(error) => return Err(error),
            };
            let is_whole = name.contains('/');
            let stat = if is_whole { &children.stat } else { &stat };
            pairs.push(KvPair {
                key: name,
                value,
                index: index(stat),
            });
        }
        Ok(Some(pairs))
    }

    async fn set(&self, path: String, value: &[u8], version: i32) -> Result<Stat, KvError> {
        let kind = if version < 0 {
            StoreRequest::Put
        } else {
            StoreRequest::CompareAndSwap
        };
        let data = Some(value.to_vec());
        let record = SetDataRequest {
            path,
            data,
            version,
        };
        let reply = self.send(kind, OpCode::SetData, &record).await?;
        match reply.answer {
            Err(ErrorCode::NoNode) => Err(KvError::NotFound),
            Err(ErrorCode::BadVersion) => Err(KvError::Modified),
            _ => Ok(reply.read()?),
        }
    }

    /// Creates a node and all above it, each whether it exists or not.
    async fn create_path(&self, path: &str, ends: bool) -> Result<(), KvError> {
        let ends_of = path.match_indices('/').map(|(at, _)| at).skip(1);
        let kind = StoreRequest::Put;
        for end in ends_of.chain([path.len()]) {
            let node = path.get(..end).unwrap_or_default();
            let flags = if ends && end == path.len() {
                create_flags::EPHEMERAL
            } else {
                create_flags::PERSISTENT
            };
            let created = self.create(kind, node, &[], flags).await?;
            if created.answer != Err(ErrorCode::NodeExists) {
                created.expect()?;
            }
        }
        Ok(())
    }

    async fn create(
        &self,
        kind: StoreRequest,
        path: &str,
        value: &[u8],
        flags: i32,
    ) -> Result<Reply, KvError> {
        let record = CreateRequest {
            path: path.to_owned(),
            data: Some(value.to_vec()),
            acl: vec![anyone()],
            flags,
        };
        self.send(kind, OpCode::Create, &record).await
    }

    async fn send(
        &self,
        kind: StoreRequest,
        op: OpCode,
        record: &impl JuteRecord,
    ) -> Result<Reply, KvError> {
        let began = Instant::now();
        let result = match self.session().await {
            Ok(session) => session.request(op, record).await,
            Err(KvError::Failed(failure)) => Err(failure),
            Err(error) => return Err(error),
        };
        let latency: Duration = began.elapsed();
        let failure: Option<&Failure> = result.as_ref().err();
        self.observer.request(kind, latency, failure);
        Ok(result?)
    }
}

/// The path of a key.
pub(super) fn path(key: &str) -> String {
    format!("/{}", key.trim_end_matches('/'))
}

/// The index of a version, as a number without sign.
pub(super) fn index(stat: &Stat) -> u64 {
    u64::from(stat.version.cast_unsigned())
}

/// The version of an index.
fn version(index: u64) -> i32 {
    u32::try_from(index).map_or(-1, u32::cast_signed)
}

/// Everybody may do everything.
fn anyone() -> AclEntry {
    AclEntry {
        permissions: 31,
        scheme: "world".to_owned(),
        id: "anyone".to_owned(),
    }
}
