//! Creating a key: a transaction that requires that it does not exist.

use etcd_client::{Compare, CompareOp, Txn, TxnOp};

use super::Etcd3Client;
use crate::bench::client::{Failure, Outcome};

impl Etcd3Client {
    /// Writes a key that must not exist.
    pub async fn create(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let absent = Compare::create_revision(key, CompareOp::Equal, 0);
        let transaction = Txn::new()
            .when([absent])
            .and_then([TxnOp::put(key, value, None)]);
        let result = self.kv().await?.txn(transaction).await;
        let done = self.checked(result)?;
        Ok(Outcome {
            conflict: !done.succeeded(),
            ..Outcome::default()
        })
    }
}
