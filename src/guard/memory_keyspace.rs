//! Keyspace in memory, for the unit tests of what is built on one.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use super::bounds::Bounds;
use crate::model::{Caller, Credentials, FaceName};
use crate::space::Keyspace;
use crate::store::{Limits, MemoryStore, Store as _};

/// A keyspace in memory whose entries may take so many bytes, within the bounds of its store.
pub(crate) async fn memory_keyspace(entries_bytes: u64) -> Keyspace {
    keyspace_within(MemoryStore::new().limits(), entries_bytes).await
}

/// The same within these bounds.
pub(crate) async fn keyspace_within(limits: Limits, entries_bytes: u64) -> Keyspace {
    let store = Arc::new(MemoryStore::new());
    let guard = Bounds::new(limits).with_entries_bytes(entries_bytes);
    let opened = Keyspace::open(store, Arc::new(guard), &mut Registry::default()).await;
    opened.unwrap().0
}

/// A client whom nobody knows.
pub(crate) fn any_client() -> Caller {
    Caller::Client {
        face: FaceName::Consul,
        peer: "127.0.0.1:1".parse().unwrap(),
        credentials: Credentials::default(),
    }
}
