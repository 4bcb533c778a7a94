//! Records that each gateway keeps of itself, outside any term.

use bytes::Bytes;

use super::transaction::Transaction;
use crate::model::Key;
use crate::store::etcd::prefix::Prefix;
use crate::store::shared::log::SendError;

/// Writes or deletes a gateway's record of itself, whichever gateway leads.
pub(crate) async fn announce(
    prefix: &Prefix,
    key: Key,
    value: Option<Bytes>,
) -> Result<(), SendError> {
    let mut transaction = Transaction::default();
    match value {
        Some(value) => transaction.put(prefix.layout.value(&key), value.to_vec()),
        None => transaction.delete(prefix.layout.value(&key)),
    }
    transaction.send(prefix).await.map(drop)
}
