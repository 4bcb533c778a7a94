//! The keys under a prefix of etcd as a log that gateways share.

use bytes::Bytes;

use super::cleanup;
use super::list::{compare, load};
use super::prefix::Prefix;
use super::send::{announce, leader_record, proposal};
use super::watch::open;
use crate::model::{Key, Proposal};
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::full_list::differing_twice;
use crate::store::shared::log::{Log, LogContents, LogError, LogStream, SendError};
use crate::store::shared::write_ids::{WriteId, WriteIds};
use crate::store::{BoxFuture, Limits};

/// What etcd takes in one request (`--max-request-bytes`, 1.5 MiB), less what goes with a value.
const REQUEST_BYTES: usize = (1536 - 32) << 10;

const LIMITS: Limits = Limits {
    value_bytes: REQUEST_BYTES,
    key_bytes: 4096,
    // Two operations each, where they are not deletions of neighbours: see `send::bulk`.
    writes: 2_000,
    commit_bytes: REQUEST_BYTES,
};

/// The log of one prefix.
#[derive(Debug)]
pub(super) struct EtcdLog(pub(super) Prefix);

impl Log for EtcdLog {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn incarnation(&self) -> u64 {
        self.0.incarnation()
    }

    fn load(&self) -> BoxFuture<'_, Result<LogContents, LogError>> {
        Box::pin(async move { Ok(load::load(&self.0).await?) })
    }

    fn follow(&self) -> BoxFuture<'_, Result<Box<dyn LogStream>, LogError>> {
        Box::pin(async move {
            let watch: Box<dyn LogStream> = Box::new(open::open(&self.0).await?);
            Ok(watch)
        })
    }

    fn send(&self, write_id: WriteId, proposal: Proposal) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(proposal::send(&self.0, write_id, proposal))
    }

    fn send_leader(
        &self,
        record: LeaderRecord,
        index: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(leader_record::send(&self.0, record, index))
    }

    fn confirm_leader(&self, index: u64) -> BoxFuture<'_, Result<bool, LogError>> {
        Box::pin(async move { Ok(leader_record::confirm(&self.0, index).await?) })
    }

    fn announce(&self, key: Key, value: Option<Bytes>) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(announce::announce(&self.0, key, value))
    }

    fn clean_up<'a>(&'a self, write_ids: &'a WriteIds) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            cleanup::once(&self.0, write_ids).await;
            Ok(())
        })
    }

    fn compare(&self) -> BoxFuture<'_, Result<usize, LogError>> {
        Box::pin(differing_twice(|| compare::once(&self.0)))
    }

    fn cleanup_needed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.cache.cleanup_needed())
    }
}
