//! The keys under a prefix of etcd as a log that gateways share.

use std::sync::Arc;

use bytes::Bytes;

use super::cleanup;
use super::encoding::numbering::PLACES;
use super::list::{compare, load};
use super::prefix::Prefix;
use super::send::waiting_commits::WaitingCommits;
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
pub(super) struct EtcdLog {
    prefix: Arc<Prefix>,
    /// The leader's commits that are to be sent.
    waiting: Arc<WaitingCommits>,
}

impl EtcdLog {
    pub(super) fn new(prefix: Prefix) -> Self {
        Self {
            prefix: Arc::new(prefix),
            waiting: Arc::default(),
        }
    }
}

impl Log for EtcdLog {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn indexes_per_state(&self) -> u64 {
        PLACES
    }

    fn incarnation(&self) -> u64 {
        self.prefix.incarnation()
    }

    fn load(&self) -> BoxFuture<'_, Result<LogContents, LogError>> {
        Box::pin(load::load(&self.prefix))
    }

    fn follow(&self) -> BoxFuture<'_, Result<Box<dyn LogStream>, LogError>> {
        Box::pin(async move {
            let watch: Box<dyn LogStream> = Box::new(open::open(&self.prefix).await?);
            Ok(watch)
        })
    }

    fn send(&self, write_id: WriteId, proposal: Proposal) -> BoxFuture<'_, Result<(), SendError>> {
        let Self { prefix, waiting } = self;
        Box::pin(proposal::send(prefix, waiting, write_id, proposal))
    }

    fn sends_by_itself(&self) -> bool {
        true
    }

    fn send_leader(
        &self,
        record: LeaderRecord,
        index: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(leader_record::send(&self.prefix, record, index))
    }

    fn confirm_leader(&self, index: u64) -> BoxFuture<'_, Result<bool, LogError>> {
        Box::pin(async move { Ok(leader_record::confirm(&self.prefix, index).await?) })
    }

    fn announce(&self, key: Key, value: Option<Bytes>) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(announce::announce(&self.prefix, key, value))
    }

    fn clean_up<'a>(&'a self, write_ids: &'a WriteIds) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            cleanup::once(&self.prefix, write_ids).await;
            Ok(())
        })
    }

    fn compare(&self) -> BoxFuture<'_, Result<usize, LogError>> {
        Box::pin(differing_twice(|| compare::once(&self.prefix)))
    }

    fn cleanup_needed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.prefix.cache.cleanup_needed())
    }
}
