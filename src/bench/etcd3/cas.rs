//! Compare-and-swap: a transaction that compares the key's revision.

use etcd_client::{Compare, CompareOp, Txn, TxnOp};

use super::Etcd3Client;
use crate::bench::client::{Failure, Outcome};

impl Etcd3Client {
    /// Writes a key if it has not changed since this client last read or wrote it; one that did not exist is created.
    pub async fn cas(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let revision = match self.revisions.get(key) {
            Some(revision) => *revision,
            None => self.revision(key).await?,
        };
        // The revision of a key that does not exist is 0.
        let unchanged = Compare::mod_revision(key, CompareOp::Equal, revision);
        let transaction = Txn::new()
            .when([unchanged])
            .and_then([TxnOp::put(key, value, None)]);
        let result = self.kv().await?.txn(transaction).await;
        let done = self.checked(result)?;
        match done.header() {
            Some(header) if done.succeeded() => {
                self.revisions.insert(key.to_owned(), header.revision());
            }
            // Whoever lost reads the revision again before the next attempt.
            _ => {
                self.revisions.remove(key);
            }
        }
        Ok(Outcome {
            conflict: !done.succeeded(),
            ..Outcome::default()
        })
    }

    /// Reads the revision of a key, as a part of a compare-and-swap that is not measured on its own.
    pub async fn prepare_cas(&mut self, key: &str) -> Result<(), Failure> {
        let revision = self.revision(key).await?;
        self.revisions.insert(key.to_owned(), revision);
        Ok(())
    }

    async fn revision(&mut self, key: &str) -> Result<i64, Failure> {
        let result = self.kv().await?.get(key, None).await;
        let found = self.checked(result)?;
        let entry = found.kvs().first();
        Ok(entry.map_or(0, etcd_client::KeyValue::mod_revision))
    }
}
