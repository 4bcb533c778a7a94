//! Leader record in etcd: written with the term record, and confirmed by a quorum read.

use std::time::Duration;

use super::transaction::Transaction;
use crate::store::etcd::connection::error::EtcdError;
use crate::store::etcd::encoding::leader;
use crate::store::etcd::encoding::numbering::NumberingRecord;
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
    let shown = {
        let cache = prefix.cache.lock();
        if let Some(newer) = cache.leader.as_ref().and_then(|leader| leader.newer) {
            return Err(SendError::Refused(newer.to_string()));
        }
        let modified = cache.leader.as_ref().map(|leader| leader.modified);
        let is_readable = cache
            .leader
            .as_ref()
            .is_none_or(|leader| leader.record.is_some());
        let delivered = modified.filter(|_| is_readable);
        if delivered.map(|modified| cache.index_of_record(modified)) != index {
            return Err(SendError::Conflict(cache.index()));
        }
        // A record that cannot be read is overwritten.
        match modified {
            Some(modified) => transaction.require_revision(key.clone(), modified),
            None => transaction.require_absent(key.clone()),
        }
        cache.index()
    };
    transaction.put(key, leader::write(&record, shown)?);
    if record.beat == 0 {
        let term = TermRecord {
            term: record.term,
            indexes: NumberingRecord::of(&record),
        };
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
    let stored_index = stored
        .value
        .map(|value| cache.index_of_record(value.modified));
    Ok(stored.cluster == cache.cluster && stored_index == Some(index))
}
