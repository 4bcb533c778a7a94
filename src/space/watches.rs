//! Watches: each is handed the commits that touch its ranges, as far as its caller may see them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::admit::Admit;
use super::range_index::RangeIndex;
use super::visibility::Visibility;
use crate::model::{Caller, Commit, Key, KeyRange, Realm};

/// How many commits may wait for one watch before it is interrupted.
const QUEUE: usize = 1_024;

/// Every watch, by its ranges.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    watchers: Mutex<RangeIndex<Subscription>>,
}

#[derive(Debug)]
struct Subscription {
    visibility: Visibility,
    inbox: Mutex<Inbox>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Inbox {
    commits: VecDeque<Arc<Commit>>,
    /// The last commit put in: one that touches a watch twice is delivered once.
    last: u64,
    /// Set once for good when the queue was full: the first revision that was not put in.
    lagged_at: Option<u64>,
}

/// Why a watch yields nothing more. Another one must be begun in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// The watcher was too slow: commits from this main revision on were not kept for it. It may resume there.
    #[error("too slow: changes from index {0} on were dropped")]
    Lagged(u64),
    /// The caller may see other keys in these ranges than before. Commits that were not taken yet are lost.
    #[error("the keys that may be seen have changed")]
    RightsChanged,
}

/// A watch on some ranges: every commit that touches one of them, in order, each once, from the moment it was made.
///
/// Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    watches: Arc<Watches>,
    subscription: Arc<Subscription>,
    id: u64,
    ranges: Vec<KeyRange>,
    /// What its caller may see, as of when that was asked for last.
    visibility: Visibility,
    rights: Option<Rights>,
    /// Set once for good when the caller may see other keys in these ranges than before.
    rights_changed: bool,
}

/// How a watch finds out what its caller may see, where that can change.
pub(crate) struct Rights {
    /// Moves on when what callers may see has changed.
    pub(crate) epoch: watch::Receiver<u64>,
    pub(crate) admit: Arc<dyn Admit>,
    pub(crate) caller: Caller,
}

impl std::fmt::Debug for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rights")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

impl Watches {
    /// Begins to watch. The visibility was asked for after the epoch of `rights` was subscribed to.
    pub(crate) fn watch(
        self: &Arc<Self>,
        ranges: Vec<KeyRange>,
        visibility: Visibility,
        rights: Option<Rights>,
    ) -> Watch {
        let subscription = Arc::new(Subscription {
            visibility: visibility.clone(),
            inbox: Mutex::default(),
            filled: Notify::new(),
        });
        let id = self.watchers.lock().add(&ranges, &subscription);
        Watch {
            watches: Arc::clone(self),
            subscription,
            id,
            ranges,
            visibility,
            rights,
            rights_changed: false,
        }
    }

    /// Hands a commit to the watches it touches.
    pub(crate) fn deliver(&self, commit: &Arc<Commit>) {
        self.watchers
            .lock()
            .for_each_match(commit, |subscription, key| {
                // The key that changed, not the prefix that is watched.
                if subscription.visibility.may_see(key) {
                    subscription.offer(commit);
                }
            });
    }

    /// How many watch.
    pub(crate) fn count(&self) -> usize {
        self.watchers.lock().count()
    }
}

impl Subscription {
    fn offer(&self, commit: &Arc<Commit>) {
        let mut inbox = self.inbox.lock();
        if inbox.lagged_at.is_some() || inbox.last == commit.revision {
            return;
        }
        inbox.last = commit.revision;
        if inbox.commits.len() < QUEUE {
            inbox.commits.push_back(Arc::clone(commit));
        } else {
            inbox.lagged_at = Some(commit.revision);
        }
        drop(inbox);
        self.filled.notify_one();
    }

    fn take(&self) -> Option<Result<Arc<Commit>, Interrupted>> {
        let mut inbox = self.inbox.lock();
        match inbox.commits.pop_front() {
            Some(commit) => Some(Ok(commit)),
            None => inbox.lagged_at.map(|from| Err(Interrupted::Lagged(from))),
        }
    }
}

impl Watch {
    /// The next commit that concerns this watch, as far as its caller may see it. Safe to drop and call again.
    pub async fn next(&mut self) -> Result<Arc<Commit>, Interrupted> {
        loop {
            if let Some(taken) = self.try_next() {
                return taken;
            }
            let filled = self.subscription.filled.notified();
            let Some(rights) = &mut self.rights else {
                filled.await;
                continue;
            };
            tokio::select! {
                () = filled => {}
                moved = rights.epoch.changed() => match moved {
                    Ok(()) => self.ask_again(),
                    // A guard that is gone changes nothing more.
                    Err(_) => self.rights = None,
                }
            }
        }
    }

    /// The next commit, if one has arrived.
    pub fn try_next(&mut self) -> Option<Result<Arc<Commit>, Interrupted>> {
        // Before anything is taken: it may not be for the caller any more.
        let epoch = self.rights.as_ref().map(|rights| &rights.epoch);
        if epoch.is_some_and(|epoch| epoch.has_changed().unwrap_or(false)) {
            self.ask_again();
        }
        if self.rights_changed {
            return Some(Err(Interrupted::RightsChanged));
        }
        loop {
            match self.subscription.take()? {
                Err(lagged) => return Some(Err(lagged)),
                Ok(commit) => {
                    if let Some(shown) = self.visibility.shown(&commit) {
                        return Some(Ok(shown));
                    }
                }
            }
        }
    }

    /// Asks the guard again what the caller may see.
    fn ask_again(&mut self) {
        let Some(rights) = &mut self.rights else {
            return;
        };
        rights.epoch.mark_unchanged();
        let now = rights.admit.visibility(&rights.caller);
        self.rights_changed |= now.class(&self.ranges) != self.visibility.class(&self.ranges);
        self.visibility = now;
    }

    /// What is watched.
    pub fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watches.watchers.lock().remove(self.id, &self.ranges);
    }
}

/// Ranges for a tree node: its own keys, and with `recursive` all beneath it. The root is the empty path.
pub fn node_ranges(path: &str, recursive: bool) -> Vec<KeyRange> {
    if path.is_empty() {
        return if recursive {
            vec![KeyRange::Prefix(Key::new(Realm::User, ""))]
        } else {
            Vec::new()
        };
    }
    let beneath = Key::user(format!("{path}/"));
    let within = if recursive {
        KeyRange::Prefix(beneath)
    } else {
        KeyRange::Exact(beneath)
    };
    vec![KeyRange::Exact(Key::user(path)), within]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Change};

    fn commit(revision: u64, keys: &[&str]) -> Arc<Commit> {
        let changes = keys
            .iter()
            .map(|key| Change {
                key: Key::user(key),
                now: None,
                before: None,
            })
            .collect();
        Arc::new(Commit {
            revision,
            cause: Cause::Delete,
            subject: None,
            changes,
        })
    }

    fn revisions(watch: &mut Watch) -> Vec<u64> {
        std::iter::from_fn(|| watch.try_next())
            .map(|next| next.unwrap().revision)
            .collect()
    }

    #[test]
    fn a_commit_reaches_each_watch_it_touches_once() {
        let watches = Arc::new(Watches::default());
        let mut tree = watches.watch(node_ranges("a/b", true), Visibility::All, None);
        let mut node = watches.watch(node_ranges("a/b", false), Visibility::All, None);
        let mut all = watches.watch(node_ranges("", true), Visibility::All, None);
        let bc = vec![KeyRange::Prefix(Key::user("a/bc"))];
        let mut other = watches.watch(bc, Visibility::All, None);
        watches.deliver(&commit(1, &["a/b/c", "a/b/d"]));
        watches.deliver(&commit(2, &["a/b/"]));
        watches.deliver(&commit(3, &["a/bc"]));
        assert_eq!(revisions(&mut tree), [1, 2]);
        assert_eq!(revisions(&mut node), [2]);
        assert_eq!(revisions(&mut all), [1, 2, 3]);
        assert_eq!(revisions(&mut other), [3]);
    }

    #[test]
    fn a_slow_watcher_gets_the_revision_to_resume_from() {
        let watches = Arc::new(Watches::default());
        let mut watch = watches.watch(node_ranges("a", false), Visibility::All, None);
        for revision in 1..=2_000 {
            watches.deliver(&commit(revision, &["a"]));
        }
        let mut last = 0;
        let lagged_at = loop {
            match watch.try_next().unwrap() {
                Ok(commit) => last = commit.revision,
                Err(Interrupted::Lagged(from)) => break from,
                Err(changed @ Interrupted::RightsChanged) => panic!("{changed}"),
            }
        };
        assert_eq!(lagged_at, last + 1);
    }
}
