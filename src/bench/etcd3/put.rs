//! Writing a key.

use super::Etcd3Client;
use crate::bench::client::{Failure, Outcome};

impl Etcd3Client {
    /// Writes a key.
    pub async fn put(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let result = self.kv().await?.put(key, value, None).await;
        self.checked(result).map(|_done| Outcome::default())
    }
}
