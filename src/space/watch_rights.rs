//! `WatchRights` of a watch: how it finds out what its caller may see, where that can change.

use std::sync::Arc;

use tokio::sync::watch;

use super::admit::Admit;
use super::visibility::Visibility;
use crate::model::{Caller, KeyRange, Verb};

/// How a watch finds out what its caller may see, where that can change.
pub(crate) struct WatchRights {
    /// Moves on when what callers may see has changed.
    pub(crate) epoch: watch::Receiver<u64>,
    pub(crate) admit: Arc<dyn Admit>,
    pub(crate) caller: Caller,
}

/// Whoever gets an event of a change lists or reads it next.
const VERBS: [Verb; 3] = [Verb::Read, Verb::List, Verb::Watch];

impl WatchRights {
    /// Whether what callers may see has changed since it was asked for last.
    pub(crate) fn has_moved(&self) -> bool {
        self.epoch.has_changed().unwrap_or(false)
    }

    /// Waits until what callers may see has changed; false where nothing changes it any more.
    pub(crate) async fn moved(&mut self) -> bool {
        let moved = self.epoch.changed().await.is_ok();
        if moved {
            self.epoch.mark_changed();
        }
        moved
    }

    /// Asks the guard again what the caller may see; says whether these ranges look otherwise than before.
    pub(crate) fn ask_again(&mut self, ranges: &[KeyRange], visibility: &mut Visibility) -> bool {
        self.epoch.mark_unchanged();
        let now = self.admit.visibility(&self.caller);
        let changed = now.class(&VERBS, ranges) != visibility.class(&VERBS, ranges);
        *visibility = now;
        changed
    }
}

impl std::fmt::Debug for WatchRights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchRights")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}
