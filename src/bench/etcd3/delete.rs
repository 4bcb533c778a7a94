//! Deleting a key.

use super::Etcd3Client;
use crate::bench::client::{Failure, Outcome};

impl Etcd3Client {
    /// Deletes a key.
    pub async fn delete(&mut self, key: &str) -> Result<Outcome, Failure> {
        let result = self.kv().await?.delete(key, None).await;
        let done = self.checked(result)?;
        Ok(Outcome {
            entries: u64::try_from(done.deleted()).unwrap_or(0),
            ..Outcome::default()
        })
    }
}
