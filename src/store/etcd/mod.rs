//! A store of entries as keys of an etcd cluster, under one prefix.

mod cache;
mod cleanup;
mod connection;
mod encoding;
mod list;
mod log;
mod prefix;
mod raw_keys;
mod send;
mod watch;

use std::sync::Arc;

pub use connection::access::{Access, Password};
pub use raw_keys::{RawKey, RawKeys, read_raw_keys};

use self::connection::pool::ConnectionPool;
use self::encoding::layout::Layout;
use self::log::EtcdLog;
use self::prefix::Prefix;
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
    warn_if_exposed(&access, endpoints);
    let pool = ConnectionPool::new(endpoints.to_vec(), access, metrics.clone())?;
    let log = EtcdLog::new(Prefix::new(pool, Layout::new(prefix)));
    Ok(SharedStore::start(Arc::new(log), candidate, metrics))
}

/// Reads the entries under a prefix, as of one revision, without taking part in leader election.
pub async fn read(
    endpoints: &[String],
    prefix: &str,
    access: Access,
) -> Result<StoreContents, StoreError> {
    warn_if_exposed(&access, endpoints);
    let pool = ConnectionPool::new(endpoints.to_vec(), access, Metrics::default())?;
    let prefix = Prefix::new(pool, Layout::new(prefix));
    // The entries of now, not of the recent past.
    prefix.take_first_load();
    shared::read_once(&EtcdLog::new(prefix)).await
}

/// Warns of a password that is sent over a network in plaintext.
fn warn_if_exposed(access: &Access, endpoints: &[String]) {
    if let Some(endpoint) = access.exposed_endpoint(endpoints) {
        tracing::warn!(
            endpoint,
            "the password for etcd is sent over the network in plaintext, and so is every entry: turn on TLS (--store-ca FILE, \
             or --store-cert and --store-key)"
        );
    }
}
