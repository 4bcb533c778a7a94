//! `TtlNodes`: the nodes with a TTL that are known.

use std::collections::HashSet;

use parking_lot::Mutex;

use super::path::ZnodePath;
use crate::model::Commit;

/// The nodes with a TTL that are known.
#[derive(Debug, Default)]
pub(super) struct TtlNodes(Mutex<HashSet<ZnodePath>>);

impl TtlNodes {
    /// Takes in those that a commit wrote.
    pub(super) fn note(&self, commit: &Commit) {
        for change in &commit.changes {
            let now = change.now.as_ref();
            let ttl_ms = now.and_then(|now| now.attrs().childless_ttl_ms());
            if ttl_ms.is_some()
                && let Some(path) = ZnodePath::of_key(&change.key)
            {
                self.insert(path);
            }
        }
    }

    /// Takes one in.
    pub(super) fn insert(&self, path: ZnodePath) {
        self.0.lock().insert(path);
    }

    /// Forgets those that are not to be kept.
    pub(super) fn retain(&self, keeps: impl FnMut(&ZnodePath) -> bool) {
        self.0.lock().retain(keeps);
    }
}
