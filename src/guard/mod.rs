//! Admission: whether a caller may make a change. Today it bounds the size of changes, and of the keyspace; policies come
//! later.

mod bounds;
#[cfg(test)]
mod memory_keyspace;
pub mod policy;
mod size_limit;

use std::sync::Arc;

use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

pub use bounds::{Bounds, REQUEST_BYTES};
#[cfg(test)]
pub(crate) use memory_keyspace::memory_keyspace;

use crate::store::Limits;

/// The guard of a keyspace over a store with these limits. `entries_bytes` is the most memory that all entries may take;
/// `u64::MAX` is no limit.
///
/// Everything that opens a keyspace to serve it or to write to it
/// takes its guard from here: the gateway, `kubekv import`, and every later command that writes offline.
pub fn for_store(limits: Limits, entries_bytes: u64) -> Arc<Bounds> {
    Arc::new(Bounds::new(limits).with_entries_bytes(entries_bytes))
}

/// Makes the limit of memory for entries known to a registry, in bytes, as `kubekv_space_bytes_limit`.
pub fn register_limit(entries_bytes: u64, registry: &mut Registry) {
    let limit = i64::try_from(entries_bytes).unwrap_or(i64::MAX);
    registry.sub_registry_with_prefix("space").register(
        "bytes_limit",
        "The most memory that the entries may take, counted as in kubekv_space_bytes; beyond it writes that add to them are \
         refused",
        ConstGauge::new(limit),
    );
}
