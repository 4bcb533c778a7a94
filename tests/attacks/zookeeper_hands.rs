//! `ZooKeeperHands`: what one session of ZooKeeper's does to a store; refusals are the names of its errors.

use std::collections::BTreeMap;

use kubekv::wire::zookeeper::ErrorCode;
use support::zookeeper_client::{PERSISTENT, ZooKeeperClient};

use crate::client::StoreClient;

/// The timeout of its session: longer than what is done in it.
const TIMEOUT_MS: i32 = 30_000;

/// A session.
pub(crate) struct ZooKeeperHands(ZooKeeperClient);

impl std::fmt::Debug for ZooKeeperHands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ZooKeeperHands")
    }
}

fn named(error: ErrorCode) -> String {
    format!("{error:?}")
}

impl ZooKeeperHands {
    pub(crate) fn begin(client: &StoreClient) -> Option<Self> {
        ZooKeeperClient::begin_on(client.connect().ok()?, TIMEOUT_MS).map(Self)
    }

    /// As libkv creates: every node above it that is not there.
    fn make(&mut self, path: &str, value: &str) -> Result<(), String> {
        for (at, _) in path.match_indices('/').skip(1) {
            match self.0.make(&path[..at], "", PERSISTENT) {
                Ok(()) | Err(ErrorCode::NodeExists) => {}
                Err(error) => return Err(named(error)),
            }
        }
        self.0.make(path, value, PERSISTENT).map_err(named)
    }

    pub(crate) fn put(&mut self, path: &str, value: &str) -> Result<(), String> {
        match self.0.try_set(path, value, -1) {
            None => Ok(()),
            Some(ErrorCode::NoNode) => self.make(path, value),
            Some(error) => Err(named(error)),
        }
    }

    /// Puts in the version that is read just before, or where there is none.
    pub(crate) fn swap(&mut self, path: &str, value: &str) -> Result<(), String> {
        match self.0.read(path) {
            Ok((_, version)) => self
                .0
                .try_set(path, value, version)
                .map_or(Ok(()), |error| Err(named(error))),
            Err(ErrorCode::NoNode) => self.make(path, value),
            Err(error) => Err(named(error)),
        }
    }

    pub(crate) fn read(&mut self, path: &str) -> Result<Option<String>, String> {
        match self.0.read(path) {
            // A node above others holds nothing.
            Ok((value, _)) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(ErrorCode::NoNode) => Ok(None),
            Err(error) => Err(named(error)),
        }
    }

    pub(crate) fn delete(&mut self, path: &str) -> Result<(), String> {
        self.0.remove(path, -1).map_err(named)
    }

    /// Deletes everything beneath a node, one by one, and goes on where something is refused.
    pub(crate) fn delete_tree(&mut self, path: &str) -> Result<(), String> {
        let children = self.0.children(path).map_err(named)?;
        let mut done = Ok(());
        for child in children {
            let child = format!("{path}/{child}");
            done = done.and(self.delete_tree(&child));
            done = done.and(self.delete(&child));
        }
        done
    }

    /// Everything that may be read beneath a node, by key.
    pub(crate) fn list(&mut self, path: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut left = vec![path.trim_end_matches('/').to_owned()];
        while let Some(path) = left.pop() {
            let root = if path.is_empty() { "/" } else { &path };
            let children = self.0.children(root);
            let children = children.unwrap_or_default().into_iter();
            let children = children.map(|child| format!("{path}/{child}"));
            left.extend(children.filter(|child| child != "/zookeeper"));
            if let Ok(Some(value)) = self.read(root) {
                found.insert(path.trim_start_matches('/').to_owned(), value);
            }
        }
        found
    }

    pub(crate) fn close_to_all(&mut self, path: &str) -> Result<(), String> {
        self.0.close_to_all(path).map_err(named)
    }
}
