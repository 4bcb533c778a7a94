//! Admission: whether a caller may make a change. Today it bounds the size of changes; policies come later.

mod bounds;

use std::sync::Arc;

pub use bounds::{Bounds, REQUEST_BYTES};

use crate::space::Admit;
use crate::store::Limits;

/// The guard of a keyspace over a store with these limits.
///
/// Everything that opens a keyspace to serve it or to write to it
/// takes its guard from here: the gateway, `kubekv import`, and every later command that writes offline.
pub fn for_store(limits: Limits) -> Arc<dyn Admit> {
    Arc::new(Bounds::new(limits))
}
