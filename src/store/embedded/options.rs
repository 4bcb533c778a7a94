//! The options of an embedded store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::free_space::DEFAULT_RESERVE_BYTES;

/// Called once, with one line, when the process must end.
///
/// Either a sync failed, so that the contents of the disk are unknown, or the data directory is no longer in place. A
/// binary logs the line and exits with a code other than 0.
pub type OnFatal = Arc<dyn Fn(String) + Send + Sync>;

/// The options of an [`EmbeddedStore`](super::EmbeddedStore).
#[derive(Clone)]
pub struct EmbeddedOptions {
    /// The data directory; it is created if it is missing.
    pub path: PathBuf,
    /// Free bytes on the disk below which writes that grow the keyspace are refused; rewrites go on to the half of it,
    /// deletions and the gateway's own records to a quarter. The bytes that a compaction may need come on top.
    pub reserve_bytes: u64,
    /// Called when the process must end.
    pub on_fatal: OnFatal,
}

impl EmbeddedOptions {
    /// The defaults.
    pub fn new(path: impl Into<PathBuf>, on_fatal: OnFatal) -> Self {
        Self {
            path: path.into(),
            reserve_bytes: DEFAULT_RESERVE_BYTES,
            on_fatal,
        }
    }
}

impl fmt::Debug for EmbeddedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedOptions")
            .field("path", &self.path)
            .field("reserve_bytes", &self.reserve_bytes)
            .finish_non_exhaustive()
    }
}
