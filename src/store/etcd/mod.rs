//! Entries as keys of an etcd cluster, under one prefix.

mod access;
mod bulk;
mod compare;
mod connection_pool;
mod failure;
mod known;
mod layout;
#[cfg(test)]
mod lists;
mod load;
mod log;
mod raw_keys;
mod records;
mod send;
mod settle;
mod tail;
mod version;

use std::sync::Arc;

pub use access::{Access, Password};
pub use raw_keys::{RawKey, RawKeys, plain};

use self::connection_pool::ConnectionPool;
use self::layout::Layout;
use self::log::EtcdLog;
use super::shared::{self, Candidate, Metrics, SharedStore};
use super::{StoreContents, StoreError};

/// Follows the entries under a prefix of the etcd whose members listen at these addresses (HOST:PORT).
///
/// Fails where a file of `access` cannot be read. Must be called within a tokio runtime.
pub fn open(
    endpoints: &[String],
    prefix: &str,
    access: Access,
    candidate: Candidate,
    metrics: Metrics,
) -> Result<SharedStore, StoreError> {
    let links = ConnectionPool::new(endpoints.to_vec(), access, metrics.clone())?;
    let log = EtcdLog::new(links, Layout::new(prefix));
    Ok(SharedStore::start(Arc::new(log), candidate, metrics))
}

/// Reads the entries under a prefix as of one revision, and takes no part in what gateways do there.
pub async fn read(
    endpoints: &[String],
    prefix: &str,
    access: Access,
) -> Result<StoreContents, StoreError> {
    let links = ConnectionPool::new(endpoints.to_vec(), access, Metrics::default())?;
    let log = EtcdLog::new(links, Layout::new(prefix)).of_the_present();
    shared::read_once(&log).await
}
