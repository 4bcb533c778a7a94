//! Datastore: records in a cluster store.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bench::docker::libkv::{KvError, KvList, KvPair, KvStore};
use crate::bench::docker::observer::{StepFailure, StepObserver};
use crate::docker::{DockerKeys, decode, encode};

/// The records of a store.
#[derive(Clone)]
pub struct Datastore {
    store: KvStore,
    keys: Arc<DockerKeys>,
    observer: Arc<dyn StepObserver>,
}

/// A record with the index that its next write compares with.
#[derive(Clone, Debug)]
pub(super) struct Stored<T> {
    pub(super) record: T,
    pub(super) index: u64,
}

/// What came of a write that compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swap {
    /// The record is written, and this is its index.
    Done(u64),
    /// Another host's write was first.
    Lost,
}

impl std::fmt::Debug for Datastore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Datastore").finish_non_exhaustive()
    }
}

impl Datastore {
    /// The records that a client reaches.
    pub fn new(store: KvStore, keys: Arc<DockerKeys>, observer: Arc<dyn StepObserver>) -> Self {
        Self {
            store,
            keys,
            observer,
        }
    }

    /// The keys of the records.
    pub(super) fn keys(&self) -> &DockerKeys {
        &self.keys
    }

    /// The client.
    pub(super) fn store(&self) -> &KvStore {
        &self.store
    }

    /// Connects the client.
    pub(super) async fn connect(&self) -> Result<(), StepFailure> {
        self.store.connect().await.map_err(failure)
    }

    /// Ends the client.
    pub(super) async fn close(&self) -> Result<(), StepFailure> {
        self.store.close().await.map_err(failure)
    }

    /// Who observes what happens.
    pub(super) fn observer(&self) -> &Arc<dyn StepObserver> {
        &self.observer
    }

    /// Reads a record.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<Stored<T>>, StepFailure> {
        match self.store.get(key).await {
            Ok(pair) => parse(&pair).map(Some),
            Err(KvError::NotFound) => Ok(None),
            Err(error) => Err(failure(error)),
        }
    }

    /// Writes a record that still has an index, or does not exist.
    pub(super) async fn put_atomic(
        &self,
        key: &str,
        record: &impl Serialize,
        previous: Option<u64>,
    ) -> Result<Swap, StepFailure> {
        let value = encode(record).map_err(|_| StepFailure::Malformed("unencodable"))?;
        match self.store.atomic_put(key, &value, previous).await {
            Ok(index) => Ok(Swap::Done(index)),
            Err(error) if error.is_conflict() => {
                self.observer.conflict();
                Ok(Swap::Lost)
            }
            Err(error) => Err(failure(error)),
        }
    }

    /// Deletes a record that still has an index.
    pub(super) async fn delete_atomic(&self, key: &str, index: u64) -> Result<Swap, StepFailure> {
        match self.store.atomic_delete(key, index).await {
            Ok(()) => Ok(Swap::Done(index)),
            Err(error) if error.is_conflict() => {
                self.observer.conflict();
                Ok(Swap::Lost)
            }
            Err(error) => Err(failure(error)),
        }
    }

    /// Deletes a record, whoever wrote it last.
    pub(super) async fn delete_until_done<T: DeserializeOwned>(
        &self,
        key: &str,
        mut index: u64,
    ) -> Result<(), StepFailure> {
        while self.delete_atomic(key, index).await? == Swap::Lost {
            let stored = self.get::<T>(key).await?;
            let stored = stored.ok_or(StepFailure::NotFound("record to delete"))?;
            index = stored.index;
        }
        Ok(())
    }

    /// The entries below a directory, which is made where it does not exist yet.
    pub(super) async fn list(&self, directory: &str) -> Result<Option<KvList>, StepFailure> {
        if !self.store.exists(directory).await.map_err(failure)? {
            self.store.make_dir(directory).await.map_err(failure)?;
        }
        match self.store.list(directory).await {
            Ok(list) => Ok(Some(list)),
            Err(KvError::NotFound) => Ok(None),
            Err(error) => Err(failure(error)),
        }
    }
}

/// Decodes an entry.
pub(super) fn parse<T: DeserializeOwned>(pair: &KvPair) -> Result<Stored<T>, StepFailure> {
    let record = decode(&pair.value).map_err(|_| StepFailure::Malformed("undecodable"))?;
    Ok(Stored {
        record,
        index: pair.index,
    })
}

/// The entries of a list.
pub(super) fn entries(list: Option<&KvList>) -> Result<Vec<KvPair>, StepFailure> {
    let entries = list.map(KvList::entries).transpose().map_err(failure)?;
    Ok(entries.unwrap_or_default())
}

fn failure(error: KvError) -> StepFailure {
    match error {
        KvError::NotFound => StepFailure::NotFound("key"),
        KvError::Modified | KvError::Exists => StepFailure::Race("key modified"),
        KvError::Failed(failure) => StepFailure::Request(failure),
    }
}
