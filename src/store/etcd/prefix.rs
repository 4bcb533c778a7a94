//! One prefix of an etcd cluster: its connections, key layout and key cache, which all operations share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::{GetOptions, KeyValue};

use super::cache::key_cache::KeyCache;
use super::connection::error::EtcdError;
use super::connection::pool::ConnectionPool;
use super::encoding::entry::StoredValue;
use super::encoding::layout::{EtcdKey, Layout};
use super::encoding::revision;
use super::list::pages::{self, ListedKeys, READ_TIMEOUT};
use crate::store::shared::metrics::StoreVerb;
use crate::store::shared::watched_state::WatchedState;

/// The keys under the prefix, as of one revision.
pub(super) type ListedPrefix = ListedKeys<(EtcdKey, StoredValue)>;

/// The keys under one prefix.
#[derive(Debug)]
pub(super) struct Prefix {
    pub(super) pool: Arc<ConnectionPool>,
    pub(super) layout: Layout,
    pub(super) cache: Arc<WatchedState<KeyCache>>,
    /// Nothing was loaded yet: the next load begins in the past, where it can.
    is_first_load: AtomicBool,
    incarnation: AtomicU64,
}

/// The answer to a get of one key.
#[derive(Debug)]
pub(super) struct GetAnswer {
    pub(super) value: Option<StoredValue>,
    /// The cluster's revision when it answered.
    pub(super) head: u64,
    pub(super) cluster: u64,
}

impl Prefix {
    pub(super) fn new(pool: Arc<ConnectionPool>, layout: Layout) -> Self {
        Self {
            pool,
            layout,
            cache: Arc::default(),
            is_first_load: AtomicBool::new(true),
            incarnation: AtomicU64::new(0),
        }
    }

    /// Whether nothing was loaded yet, asked once.
    pub(super) fn take_first_load(&self) -> bool {
        self.is_first_load.swap(false, Ordering::AcqRel)
    }

    /// Counts how often the etcd there turned out to be another one.
    pub(super) fn incarnation(&self) -> u64 {
        self.incarnation.load(Ordering::Acquire)
    }

    /// The etcd there is another one, or was restored from a backup.
    pub(super) fn begin_incarnation(&self) {
        self.incarnation.fetch_add(1, Ordering::AcqRel);
    }

    /// Reads one key from a quorum, as of a revision, or as of now where that is 0.
    pub(super) async fn get(&self, key: &[u8], at: u64) -> Result<GetAnswer, EtcdError> {
        self.get_within(READ_TIMEOUT, key, at).await
    }

    pub(super) async fn get_within(
        &self,
        timeout: Duration,
        key: &[u8],
        at: u64,
    ) -> Result<GetAnswer, EtcdError> {
        let options = GetOptions::new().with_revision(revision::to_wire(at));
        let answer = pages::get(&self.pool, (StoreVerb::Get, timeout), key, options).await?;
        let (head, cluster) = pages::answered_by(&answer)?;
        Ok(GetAnswer {
            value: answer.kvs().first().map(StoredValue::of),
            head,
            cluster,
        })
    }

    /// Lists every key under the prefix, as of now.
    pub(super) async fn list_now(&self) -> Result<ListedPrefix, EtcdError> {
        let (first, end) = self.layout.range();
        pages::list_now(&self.pool, (&first, &end), |pair| self.decode(pair)).await
    }

    /// Lists every key under the prefix, as of a revision.
    pub(super) async fn list_at(&self, at: u64) -> Result<ListedPrefix, EtcdError> {
        let (first, end) = self.layout.range();
        pages::list_at(&self.pool, (&first, &end), at, |pair| self.decode(pair)).await
    }

    fn decode(&self, pair: &KeyValue) -> Option<(EtcdKey, StoredValue)> {
        Some((self.layout.decode(pair.key())?, StoredValue::of(pair)))
    }
}
