//! Listing: the range of all keys with a prefix.

use super::Etcd3Client;
use super::get::outcome;
use crate::bench::client::{Failure, Outcome};

impl Etcd3Client {
    /// Reads all keys with a prefix.
    pub async fn list(&mut self, prefix: &str) -> Result<Outcome, Failure> {
        let options = self.read_options().unwrap_or_default().with_prefix();
        let result = self.kv().await?.get(prefix, Some(options)).await;
        let found = self.checked(result)?;
        match outcome(found.kvs()) {
            Outcome { entries: 0, .. } => Err(Failure::no_such_key()),
            found => Ok(found),
        }
    }
}
