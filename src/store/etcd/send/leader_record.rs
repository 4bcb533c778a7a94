//! Leader record in etcd: written with the term record, and confirmed by a quorum read.

use std::time::Duration;

use super::transaction::Transaction;
use crate::store::etcd::connection::error::EtcdError;
use crate::store::etcd::encoding::records::{TermRecord, to_json};
use crate::store::etcd::prefix::Prefix;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::SendError;

/// The timeout of confirming: clients wait for it.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends the leader record, if the stored one is still that of an index, or still missing; with a new term, sends the
/// term record too.
pub(crate) async fn send(
    prefix: &Prefix,
    record: LeaderRecord,
    index: Option<u64>,
) -> Result<(), SendError> {
    let key = prefix.layout.leader();
    let mut transaction = Transaction::default();
    {
        let cache = prefix.cache.lock();
        let modified = cache.leader.as_ref().map(|leader| leader.modified);
        let is_readable = cache
            .leader
            .as_ref()
            .is_none_or(|leader| leader.record.is_some());
        let delivered = modified.filter(|_| is_readable);
        if delivered.map(|modified| modified + cache.offset) != index {
            return Err(SendError::Conflict(cache.index()));
        }
        // A record that cannot be read is overwritten.
        match modified {
            Some(modified) => transaction.require_revision(key.clone(), modified),
            None => transaction.require_absent(key.clone()),
        }
    }
    transaction.put(key, to_json(&record)?);
    if record.beat == 0 {
        let term = TermRecord { term: record.term };
        transaction.put(prefix.layout.term(), to_json(&term)?);
    }
    if transaction.send(prefix).await? {
        Ok(())
    } else {
        Err(SendError::Conflict(prefix.cache.lock().index()))
    }
}

/// Whether a quorum of the members has the leader record that was delivered at an index.
pub(crate) async fn confirm(prefix: &Prefix, index: u64) -> Result<bool, EtcdError> {
    let key = prefix.layout.leader();
    let stored = prefix.get_within(CONFIRM_TIMEOUT, &key, 0).await?;
    let cache = prefix.cache.lock();
    let stored_index = stored.value.map(|value| value.modified + cache.offset);
    Ok(stored.cluster == cache.cluster && stored_index == Some(index))
}
