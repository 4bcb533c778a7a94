//! `NextSnapshot`: commits that are to be delivered, and the snapshot that shows them.

use std::sync::Arc;

use crate::model::Commit;
use crate::space::node_commit::CommitEffects;
use crate::space::snapshot::Snapshot;

/// Commits, and the snapshot that shows them.
#[derive(Debug)]
pub(super) struct NextSnapshot {
    pub(super) snapshot: Snapshot,
    pub(super) delivered: Vec<Arc<Commit>>,
    pub(super) changed: Vec<CommitEffects>,
    /// What is held back anew, or no more.
    pub(super) sifted: Vec<Arc<Commit>>,
    /// What quotas count: the commits with the values that are held back.
    pub(super) counted: Vec<Arc<Commit>>,
}

impl NextSnapshot {
    /// Whether it shows these commits.
    pub(super) fn shows(&self, commits: &[Arc<Commit>]) -> bool {
        let revision = |commit: &Arc<Commit>| commit.revision;
        let own = self.delivered.iter().map(revision);
        own.eq(commits.iter().map(revision))
    }
}
