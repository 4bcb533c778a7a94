//! The entries of a namespace as the log that all its gateways share.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::cache::object_cache::ObjectCache;
use super::cache::shared_cache::SharedCache;
use super::client::api::Api;
use super::client::log_error::log_error;
use super::definition::resource::VALUE_BYTES;
use super::list::{compare, load};
use super::namespace::Namespace;
use super::send::{self, outcome};
use super::{cleanup, watch};
use crate::model::{Key, Proposal};
use crate::store::shared::Metrics;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::full_list::differing_twice;
use crate::store::shared::log::{Log, LogContents, LogError, LogStream, SendError};
use crate::store::shared::write_ids::{WriteId, WriteIds};
use crate::store::{BoxFuture, Limits};

const LIMITS: Limits = Limits {
    value_bytes: VALUE_BYTES,
    key_bytes: 4096,
    // Several writes are one object, and etcd accepts 1.5 MiB of it.
    writes: 4096,
    commit_bytes: VALUE_BYTES,
};

/// The entries of a namespace.
#[derive(Debug)]
pub(super) struct KubernetesLog(Namespace);

impl KubernetesLog {
    pub(super) fn new(api: Api, metrics: Metrics) -> Self {
        let cache = Arc::new(SharedCache::new(metrics));
        Self(Namespace { api, cache })
    }

    /// Makes the first load read the present, not the state of a minute ago.
    pub(super) fn of_the_present(self) -> Self {
        self.0.cache.first_load.store(false, Ordering::Release);
        self
    }

    /// Whether write ids survive: the API server keeps them, and the watch delivers them. A watch that was opened before
    /// the definition was repaired goes on with the old one.
    fn keeps_write_ids(&self) -> bool {
        let cache = &self.0.cache;
        let delivered = |objects: &ObjectCache| {
            let leader = objects.leader.as_ref();
            leader.is_none_or(|leader| leader.has_write_id)
        };
        !cache.drops_fields.load(Ordering::Acquire) && delivered(&cache.objects.lock())
    }
}

impl Log for KubernetesLog {
    fn incarnation(&self) -> u64 {
        self.0.cache.incarnation.load(Ordering::Acquire)
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    fn load(&self) -> BoxFuture<'_, Result<LogContents, LogError>> {
        Box::pin(async move {
            let loaded = load::load(&self.0).await;
            loaded.map_err(|error| log_error(&error))
        })
    }

    fn follow(&self) -> BoxFuture<'_, Result<Box<dyn LogStream>, LogError>> {
        Box::pin(watch::open::open(&self.0))
    }

    fn send(&self, write_id: WriteId, proposal: Proposal) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(send::proposal::send(&self.0, write_id, proposal))
    }

    fn send_leader(
        &self,
        record: LeaderRecord,
        told: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(send::leader_record::send(&self.0, record, told))
    }

    fn announce(&self, key: Key, value: Option<Bytes>) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(send::announce::send(&self.0, key, value))
    }

    fn clean_up<'a>(&'a self, write_ids: &'a WriteIds) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            if !self.keeps_write_ids() {
                return Err(SendError::Refused(outcome::DROPS_FIELDS.to_owned()));
            }
            cleanup::run::once(&self.0, write_ids).await;
            Ok(())
        })
    }

    fn compare(&self) -> BoxFuture<'_, Result<usize, LogError>> {
        Box::pin(differing_twice(async || {
            let found = compare::once(&self.0).await;
            found.map_err(|error| log_error(&error))
        }))
    }

    fn cleanup_needed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.cache.objects.cleanup_needed())
    }
}
