//! `Watch`: the commits that touch some ranges, as far as its caller may see them.

use std::sync::Arc;

use super::access::AccessCaller;
use super::interrupted::Interrupted;
use super::visibility::Visibility;
use super::watch_queue::WatchQueue;
use super::watch_rights::WatchRights;
use super::watches::Watches;
use crate::model::{Commit, Flow, KeyRange};

/// A watch on some ranges: every commit that touches one of them, in order, each once, from the moment it was made.
///
/// Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    watches: Arc<Watches>,
    queue: Arc<WatchQueue>,
    number: u64,
    ranges: Vec<KeyRange>,
    /// What its caller may see, as of when that was asked for last.
    visibility: Visibility,
    access: AccessCaller,
    rights: Option<WatchRights>,
    /// Set once for good when the caller may see other keys in these ranges than before.
    rights_changed: bool,
}

impl Watch {
    /// Begins to watch. The visibility was asked for after the epoch of `rights` was subscribed to.
    pub(crate) fn new(
        watches: &Arc<Watches>,
        flow: Flow,
        ranges: Vec<KeyRange>,
        visibility: Visibility,
        rights: Option<WatchRights>,
    ) -> Self {
        let queue = Arc::new(WatchQueue::new(flow, visibility.clone()));
        Self {
            watches: Arc::clone(watches),
            number: watches.add(&ranges, &queue),
            queue,
            ranges,
            visibility,
            access: AccessCaller::Exempt,
            rights,
            rights_changed: false,
        }
    }

    /// The next commit that concerns this watch, as far as its caller may see it. Safe to drop and call again.
    pub async fn next(&mut self) -> Result<Arc<Commit>, Interrupted> {
        loop {
            if let Some(taken) = self.try_next() {
                return taken;
            }
            let filled = self.queue.filled.notified();
            let Some(rights) = &mut self.rights else {
                filled.await;
                continue;
            };
            tokio::select! {
                () = filled => {}
                moved = rights.moved() => {
                    // A guard that is gone changes nothing more.
                    if !moved {
                        self.rights = None;
                    }
                }
            }
        }
    }

    /// The next commit, if one has arrived.
    pub fn try_next(&mut self) -> Option<Result<Arc<Commit>, Interrupted>> {
        // Before anything is taken: it may not be for the caller any more.
        if self.rights.as_ref().is_some_and(WatchRights::has_moved) {
            self.ask_again();
        }
        if self.rights_changed {
            return Some(Err(Interrupted::RightsChanged));
        }
        loop {
            match self.queue.take(self.watches.lagged_count())? {
                Err(lagged) => return Some(Err(lagged)),
                Ok(commit) => {
                    let shown = self.visibility.shown(&commit);
                    let shown = match shown {
                        Some(shown) if self.watches.had_lists() => self.access.shown(shown),
                        shown => shown,
                    };
                    if let Some(shown) = shown {
                        return Some(Ok(shown));
                    }
                }
            }
        }
    }

    /// Asks the guard again what the caller may see.
    fn ask_again(&mut self) {
        if let Some(rights) = &mut self.rights {
            self.rights_changed |= rights.ask_again(&self.ranges, &mut self.visibility);
        }
    }

    /// The same for a caller whom access lists bind.
    pub(crate) fn bound_by_lists(mut self, access: AccessCaller) -> Self {
        self.access = access;
        self
    }

    /// What is watched.
    pub fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watches.remove(self.number, &self.ranges);
    }
}
