//! Event cache: the events of the last commits, so that all watches that get one share it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::commit_events::CommitEvents;
use crate::model::Commit;

/// The most commits that are kept.
const MAX_COMMITS: usize = 32;

/// The most memory of commits and encoded events that is kept, in bytes; the last commit is kept whatever it weighs.
const MAX_BYTES: usize = 16 << 20;

/// The events of the last commits that a watch has asked for.
#[derive(Debug, Default)]
pub(in crate::face::etcd) struct EventCache {
    /// The newest first.
    recent: Mutex<VecDeque<Arc<CommitEvents>>>,
}

impl EventCache {
    /// The events of a commit: those that others use, where it is one of the last.
    pub(super) fn of(&self, commit: &Arc<Commit>) -> Arc<CommitEvents> {
        let mut recent = self.recent.lock();
        if let Some(events) = find(&recent, commit) {
            return events;
        }
        let events = Arc::new(CommitEvents::new(commit));
        recent.push_front(Arc::clone(&events));
        let mut bytes = 0;
        let mut kept = 0;
        for events in recent.iter().take(MAX_COMMITS) {
            bytes += events.weight();
            if kept > 0 && bytes > MAX_BYTES {
                break;
            }
            kept += 1;
        }
        // Freed after the lock.
        let dropped = recent.split_off(kept);
        drop(recent);
        drop(dropped);
        events
    }

    /// As [`EventCache::of`], but a commit that others do not use is not kept: for those that look at many.
    pub(super) fn look_up(&self, commit: &Arc<Commit>) -> Arc<CommitEvents> {
        let found = find(&self.recent.lock(), commit);
        found.unwrap_or_else(|| Arc::new(CommitEvents::new(commit)))
    }

    /// Forgets all, when nobody watches any more: what is kept counts in the budget of whoever watched first.
    pub(super) fn clear(&self) {
        let dropped = std::mem::take(&mut *self.recent.lock());
        // Freed after the lock.
        drop(dropped);
    }
}

/// A caller who sees a part of a commit has a commit of its own: then there is nothing to share.
fn find(recent: &VecDeque<Arc<CommitEvents>>, commit: &Arc<Commit>) -> Option<Arc<CommitEvents>> {
    let events = recent
        .iter()
        .find(|events| Arc::ptr_eq(events.commit(), commit));
    events.cloned()
}
