//! Reading a key.

use etcd_client::{GetOptions, KeyValue};

use super::Etcd3Client;
use crate::bench::client::{Consistency, Failure, Outcome};

impl Etcd3Client {
    /// Reads a key.
    pub async fn get(&mut self, key: &str) -> Result<Outcome, Failure> {
        let options = self.read_options();
        let result = self.kv().await?.get(key, options).await;
        let found = self.checked(result)?;
        match outcome(found.kvs()) {
            Outcome { entries: 0, .. } => Err(Failure::no_such_key()),
            found => Ok(found),
        }
    }

    /// The options of a read; none for a linearizable one.
    pub(super) fn read_options(&self) -> Option<GetOptions> {
        match self.consistency {
            Consistency::Linearizable => None,
            Consistency::Default => Some(GetOptions::new().with_serializable()),
        }
    }
}

/// The outcome of entries that were read.
pub(super) fn outcome(entries: &[KeyValue]) -> Outcome {
    let bytes = entries
        .iter()
        .map(|entry| entry.key().len() + entry.value().len());
    Outcome {
        entries: u64::try_from(entries.len()).unwrap_or(u64::MAX),
        ..Outcome::of_bytes(bytes.sum())
    }
}
